"""Lanes: together they are one schedule, apart they share nothing; what is due is never forgotten."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard.base.errors import UsageError
from tailguard.engine.schedule import Poisson
from tailguard.locust.schedule import parse_rates, parse_schedule, schedule_in
from tailguard.locust.worker.arrival_shard import BLOCK, ClosedLane, OpenLane, block_turn


class SteppedClock:
    """A clock that moves when somebody sleeps, and a little late if wanted."""

    def __init__(self, late_ns=0):
        self.now, self.late_ns = 0, late_ns

    def now_ns(self):
        return self.now

    def sleep_until_ns(self, due_ns, wake=None):
        self.now = max(self.now, due_ns) + self.late_ns


@given(st.integers(1, 5), st.integers(0, 2000))
def test_no_two_closed_lanes_ever_play_the_same_turn(lanes, most):
    turns = [block_turn(number, lane, lanes) for lane in range(lanes) for number in range(most)]
    assert len(set(turns)) == len(turns)


def test_a_lane_takes_turns_that_follow_each_other_so_that_the_mix_of_a_scenario_stays():
    turns = [block_turn(number, 1, 3) for number in range(2 * BLOCK)]
    assert turns[:BLOCK] == list(range(BLOCK, 2 * BLOCK))
    assert turns[BLOCK] == 4 * BLOCK


@given(st.integers(1, 6))
def test_open_lanes_together_are_the_schedule(lanes):
    starts = Poisson(200.0, 2.0, 7).starts_ns()
    seen = []
    for lane in range(lanes):
        mine = OpenLane(starts, lane, lanes, SteppedClock())
        mine.begin(0)
        while (start := mine.claim()) is not None:
            seen.append((start.turn, start.due_ns))
    assert sorted(seen) == list(enumerate(starts.tolist()))


def test_lateness_is_ours_only_where_somebody_was_free_in_time():
    clock = SteppedClock(late_ns=30)
    lane = OpenLane(np.array([100, 120, 200]), 0, 1, clock)
    lane.begin(0)
    assert lane.claim().late_ns == 30  # slept until 100, woke at 130
    assert lane.claim().late_ns == -1  # 120 had passed: nobody was free
    assert lane.claim().late_ns == 30


def test_starts_that_were_due_and_never_begun_are_told():
    clock = SteppedClock()
    lane = OpenLane(np.array([10, 20, 30, 40]), 0, 1, clock)
    lane.begin(1000)
    assert lane.claim().due_ns == 1010
    clock.now = 1035
    lane.close()
    assert lane.claim() is None
    assert lane.offered == 3
    assert lane.unserved_ns() == [1020, 1030]


def test_a_start_that_somebody_was_waiting_for_when_the_lane_closed_is_not_due_yet():
    clock, lane_box, woken = SteppedClock(), [], threading.Event()

    class ClosingClock(SteppedClock):
        def sleep_until_ns(self, due_ns, wake=None):
            lane_box[0].close()
            woken.set()

    lane_box.append(OpenLane(np.array([50]), 0, 1, ClosingClock()))
    lane_box[0].begin(0)
    assert lane_box[0].claim() is None
    assert woken.is_set()
    assert lane_box[0].unserved_ns() == []
    assert clock.now == 0


def test_a_closed_lane_offers_what_it_hands_out():
    lane = ClosedLane(0, 1, SteppedClock())
    assert [lane.claim().turn for _ in range(3)] == [0, 1, 2]
    assert lane.offered == 3
    lane.close()
    assert lane.claim() is None
    assert lane.unserved_ns() == []


@pytest.mark.parametrize(
    "text",
    ["poisson", "constant", "ramp:10-200", "steps:50x10,100x5"],
)
def test_a_schedule_in_words_is_the_same_on_every_worker(text):
    plain = parse_schedule(text, 40.0, 10.0, 3)
    starts = schedule_in(plain).starts_ns()
    assert len(starts) > 100
    np.testing.assert_array_equal(starts, schedule_in(dict(plain)).starts_ns())


@pytest.mark.parametrize("text", ["posson", "ramp:10", "ramp:0-0", "steps:", "steps:5", "poisson:7"])
def test_what_is_no_schedule_is_refused(text):
    with pytest.raises(UsageError):
        parse_schedule(text, 40.0, 10.0, 3)


def test_rates_are_for_all_scenarios_or_for_named_ones():
    assert parse_rates("50", ["a", "b"]) == {"a": 50.0, "b": 50.0}
    assert parse_rates("a=10,b=2.5", ["a", "b"]) == {"a": 10.0, "b": 2.5}
    assert parse_rates("", ["a"]) == {}
    for wrong in ("fast", "c=10", "0", "a=-1"):
        with pytest.raises(UsageError, match="--tailguard-rate"):
            parse_rates(wrong, ["a", "b"])

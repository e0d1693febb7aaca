"""Shards: together they are one schedule, apart they share nothing; what is due is never forgotten."""

import threading

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard.base.errors import UsageError
from tailguard.engine.schedule import Poisson
from tailguard.locust.messages import ScheduleWords
from tailguard.locust.schedule import parse_rates, parse_schedule
from tailguard.locust.worker.arrival_shard import BLOCK, ClosedShard, OpenShard, block_iteration
from tailguard.suite.run import Shard


class SteppedClock:
    """A clock that moves when somebody sleeps, and a little late if wanted."""

    def __init__(self, late_ns=0):
        self.now, self.late_ns = 0, late_ns

    def now_ns(self):
        return self.now

    def sleep_until_ns(self, due_ns, wake=None):
        self.now = max(self.now, due_ns) + self.late_ns


@given(st.integers(1, 5), st.integers(0, 2000))
def test_no_two_closed_shards_ever_play_the_same_iteration(count, most):
    played = [
        block_iteration(number, Shard(index, count)) for index in range(count) for number in range(most)
    ]
    assert len(set(played)) == len(played)


def test_a_shard_takes_iterations_that_follow_each_other_so_that_the_mix_of_a_scenario_stays():
    played = [block_iteration(number, Shard(1, 3)) for number in range(2 * BLOCK)]
    assert played[:BLOCK] == list(range(BLOCK, 2 * BLOCK))
    assert played[BLOCK] == 4 * BLOCK


@given(st.integers(1, 6))
def test_open_shards_together_are_the_schedule(count):
    starts = Poisson(200.0, 2.0, 7).starts_ns()
    seen = []
    for index in range(count):
        mine = OpenShard(starts, Shard(index, count), SteppedClock())
        mine.begin(0)
        while (start := mine.claim()) is not None:
            seen.append((start.number, start.due_ns))
    assert sorted(seen) == list(enumerate(starts.tolist()))


def test_lateness_is_ours_only_if_somebody_was_free_in_time():
    clock = SteppedClock(late_ns=30)
    shard = OpenShard(np.array([100, 120, 200]), Shard(), clock)
    shard.begin(0)
    assert shard.claim().late_ns == 30  # slept until 100, woke at 130
    assert shard.claim().late_ns == -1  # 120 had passed: nobody was free
    assert shard.claim().late_ns == 30


def test_starts_that_were_due_and_never_begun_are_told():
    clock = SteppedClock()
    shard = OpenShard(np.array([10, 20, 30, 40]), Shard(), clock)
    shard.begin(1000)
    assert shard.claim().due_ns == 1010
    clock.now = 1035
    shard.close()
    assert shard.claim() is None
    assert shard.offered == 3
    assert shard.unserved_ns() == [1020, 1030]


def test_a_start_that_somebody_was_waiting_for_when_the_shard_closed_is_not_due_yet():
    clock, shard_box, woken = SteppedClock(), [], threading.Event()

    class ClosingClock(SteppedClock):
        def sleep_until_ns(self, due_ns, wake=None):
            shard_box[0].close()
            woken.set()

    shard_box.append(OpenShard(np.array([50]), Shard(), ClosingClock()))
    shard_box[0].begin(0)
    assert shard_box[0].claim() is None
    assert woken.is_set()
    assert shard_box[0].unserved_ns() == []
    assert clock.now == 0


def test_a_closed_shard_offers_what_it_hands_out():
    shard = ClosedShard(Shard(), SteppedClock())
    assert [shard.claim().number for _ in range(3)] == [0, 1, 2]
    assert shard.offered == 3
    shard.close()
    assert shard.claim() is None
    assert shard.unserved_ns() == []


@pytest.mark.parametrize(
    "text",
    ["poisson", "constant", "ramp:10-200", "steps:50x10,100x5"],
)
def test_a_schedule_in_words_is_the_same_on_every_worker(text):
    words = ScheduleWords(text=text, rate_per_s=40.0, duration_s=10.0, seed=3)
    starts = words.schedule().starts_ns()
    assert len(starts) > 100
    arrived = msgspec.msgpack.decode(msgspec.msgpack.encode(words), type=ScheduleWords)
    np.testing.assert_array_equal(starts, arrived.schedule().starts_ns())


@pytest.mark.parametrize("text", ["posson", "ramp:10", "ramp:0-0", "steps:", "steps:5", "poisson:7"])
def test_what_is_not_a_schedule_is_refused(text):
    with pytest.raises(UsageError):
        parse_schedule(text, 40.0, 10.0, 3)


def test_rates_are_for_all_scenarios_or_for_named_ones():
    assert parse_rates("50", ["a", "b"]) == {"a": 50.0, "b": 50.0}
    assert parse_rates("a=10,b=2.5", ["a", "b"]) == {"a": 10.0, "b": 2.5}
    assert parse_rates("", ["a"]) == {}
    for wrong in ("fast", "c=10", "0", "a=-1"):
        with pytest.raises(UsageError, match="--tailguard-rate"):
            parse_rates(wrong, ["a", "b"])

"""The slowest iterations of a scenario are kept with the numbers by which they are played again."""

from array import array

import numpy as np
import pytest

from tailguard.engine.iteration.slowest import MOST, found_again, slowest_of
from tailguard.engine.measure import measure
from tailguard.engine.recorder import Recorder
from tailguard.engine.scenario_execution import VirtualUser
from tailguard.engine.schedule import Closed, Constant
from tailguard.engine.workload import Load, Pace, PlainScenario, Workload
from tailguard.record.samples import samples_from_rows
from tests.support.fake_clock import FakeClock

MS = 1_000_000
SLOW_MS = {7: 9, 31: 25, 88: 4}
QUICK = Load(Constant(20, 5), workers=1, warmup=3)  # so slowly that nobody waits for the one before


def played(journey, load=QUICK, steps=("go", "rest")):
    """Measure a journey on a fake clock, in slices of half a second; it gets the iteration and the clock."""
    clock = FakeClock(0)
    workload = Workload(PlainScenario("some", lambda it: journey(it, clock), steps), load)
    return measure([workload], clock=clock, pace=Pace(slice_s=0.5))["some"]


def slow_ones(it, clock):
    it.step("go", lambda: None)
    it.step("rest", clock.sleep_until_ns, clock.now_ns() + SLOW_MS.get(it.number, 1) * MS)


def test_the_slowest_are_named_by_their_numbers_across_slices() -> None:
    measured = played(slow_ones)
    first = [(each.number, each.step, each.outcome) for each in measured.slowest[:3]]
    assert first == [(number, "rest", "ok") for number in (31, 7, 88)]
    assert len(measured.slowest) == MOST


def test_each_user_has_its_own_iterations() -> None:
    users = [user({0: [2, 30], 3: [4]}), user({1: [20], 2: [], 4: [5, 3]})]
    rows = np.concatenate([each.recorder.rows() for each in users])
    found = slowest_of(users, samples_from_rows("some", ("go",), ("",), rows))
    assert [(each.number, each.response_ms) for each in found] == [(0, 30), (1, 20), (4, 5), (3, 4)]
    assert slowest_of([user({})], samples_from_rows("some", ("go",), ("",), rows[:0])) == ()


def user(took_ms: dict[int, list[int]]) -> VirtualUser:
    """A virtual user that played iterations whose steps took so long."""
    recorder, began = Recorder(), array("q")
    for number, times in took_ms.items():
        began.extend((number, len(recorder.buffer)))
        for time_ms in times:
            recorder.append(number * MS, number * MS, (number + time_ms) * MS, 0)
    return VirtualUser(lambda: None, None, recorder, Recorder(), began=began)


def test_each_says_when_it_was_due_and_how_long_it_took():
    slowest = played(slow_ones).slowest[0]
    assert slowest.response_ms == pytest.approx(25)
    assert slowest.at_s == pytest.approx(1.55, abs=1e-3)


def test_a_failure_is_told_and_an_iteration_without_a_sample_shifts_no_number():
    def journey(it, clock):
        if it.number % 10 == 3:
            return
        if it.number == 42:
            clock.sleep_until_ns(clock.now_ns() + 30 * MS)
            raise LookupError
        slow_ones(it, clock)

    slowest = played(journey).slowest
    assert [each.number for each in slowest[:3]] == [42, 31, 7]
    assert (slowest[0].outcome, slowest[0].error) == ("error", "LookupError")


def test_users_of_a_closed_load_have_numbers_too():
    slowest = played(slow_ones, Load(Closed(1, 1), workers=1, max_samples=100)).slowest
    assert [each.number for each in slowest[:3]] == [31, 7, 88]


def test_what_the_samples_say_of_them_is_the_same_and_nothing_of_another_instant():
    measured = played(slow_ones)
    for each in measured.slowest:
        assert found_again(each, measured.samples) == each
    moved = type(measured.slowest[0])(number=1, step="rest", outcome="ok", at_s=0.5001, response_ms=1.0)
    assert found_again(moved, measured.samples) is None

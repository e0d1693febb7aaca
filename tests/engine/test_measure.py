"""Scenarios take turns in slices, end for the right reason, and nothing measured is lost."""

import os
import signal
import time
from threading import Event

import numpy as np
import pytest

from tailguard.base.errors import UsageError
from tailguard.engine.measure import measure
from tailguard.engine.scenario_execution import NOT_SERVED, TIMED_OUT
from tailguard.engine.schedule import Closed, Constant, Poisson
from tailguard.engine.workload import Load, Pace, PlainScenario, Workload
from tailguard.record.samples import OK
from tailguard.record.scenario import ClosedSchedule
from tests.support.fake_clock import FakeClock

MS = 1_000_000


def workload(name="some", call=lambda *_: None, **load):
    return played(lambda it: it.step("go", call), name, ("go",), **load)


def played(journey, name="some", steps=(), **load):
    load = {"schedule": Constant(100, 60), "workers": 1, **load}
    return Workload(PlainScenario(name, journey, steps), Load(**load))


def test_a_scenario_ends_at_its_most_samples_its_most_seconds_or_its_schedules_end():
    clock = FakeClock(0)
    measured = measure(
        [
            workload("samples", max_samples=150),
            workload("seconds", max_seconds=2),
            workload("schedule", schedule=Constant(100, 1)),
        ],
        clock=clock,
    )
    assert {slug: (each.ended_because, len(each.samples)) for slug, each in measured.items()} == {
        "samples": ("max_samples", 150),
        "seconds": ("max_seconds", 200),
        "schedule": ("schedule ended", 100),
    }


def test_scenarios_take_turns_slice_by_slice():
    order = []
    measure(
        [workload("a", max_seconds=2), workload("b", max_seconds=2)],
        on_progress=lambda progress: order.append(progress.slug),
        pace=Pace(slice_s=0.5),
        clock=FakeClock(0),
    )
    assert order[:4] == ["a", "b", "a", "b"]


def test_a_scenario_that_is_decided_ends_but_not_before_it_has_its_least_samples():
    asked = []

    def done(slug, samples):
        asked.append(len(samples))
        return True

    measured = measure([workload(min_samples=120)], done=done, clock=FakeClock(0), pace=Pace(slice_s=0.5))[
        "some"
    ]
    assert measured.ended_because == "decided"
    assert asked == [len(measured.samples)]
    assert 120 <= asked[0] <= 160


def test_least_samples_are_ok_samples():
    def refuse():
        raise LookupError

    asked = []
    measure(
        [workload(call=refuse, min_samples=10, max_samples=100)],
        done=lambda *given: bool(asked.append(given)) or True,
        clock=FakeClock(0),
    )
    assert asked == []


def test_slices_put_together_are_the_whole_schedule_in_order():
    numbers = []
    schedule = Poisson(200, 5, seed=3)
    workload = played(lambda it: (numbers.append(it.number), it.step("go", lambda: None)), schedule=schedule)
    measured = measure([workload], clock=FakeClock(0))["some"]
    assert numbers == list(range(len(schedule.starts_ns())))
    assert np.all(measured.samples.outcome == OK)
    assert measured.offered_rate_per_s == pytest.approx(200, rel=0.15)
    assert measured.achieved_rate_per_s == pytest.approx(measured.offered_rate_per_s, rel=0.01)


def test_steps_are_found_while_the_journey_runs_and_all_that_were_met_must_have_their_least_samples():
    asked = []

    def done(slug, samples):
        asked.append(samples.steps)
        return True

    def journey(it):
        it.step("browse", lambda: None)
        if it.number % 10 == 9:
            it.step("buy", lambda: None)

    workload = played(journey, min_samples=10)
    measured = measure([workload], done=done, clock=FakeClock(0), pace=Pace(slice_s=0.5))["some"]
    assert asked == [("browse", "buy")]
    assert 10 <= np.count_nonzero(measured.samples.ok("buy")) < 20


def test_a_declared_step_that_nobody_meets_does_not_keep_a_scenario_from_its_end():
    workload = played(lambda it: it.step("browse", lambda: None), steps=("browse", "buy"), min_samples=10)
    measured = measure([workload], done=lambda *_: True, clock=FakeClock(0))["some"]
    assert measured.ended_because == "decided"
    assert measured.samples.steps == ("browse", "buy")


def test_what_the_journey_does_before_its_first_step_is_measured_and_charged_to_no_step():
    clock = FakeClock(0)

    def journey(it):
        clock.advance_ns(3 * MS)
        it.step("go", lambda: clock.advance_ns(2 * MS))

    measured = measure([played(journey, max_samples=50, warmup=7)], clock=clock)["some"]
    assert measured.own_s == pytest.approx(0.150)
    assert measured.samples.response_ms("go").tolist() == [2.0] * 50


@pytest.mark.system
def test_keys_and_random_numbers_are_those_of_the_run():
    seen = []

    def journey(it):
        seen.append((it.key, it.rng.random()))
        it.step("go", lambda: None)

    def keys(run_id, seed):
        seen.clear()
        measure([played(journey, max_samples=3)], clock=FakeClock(0), run_id=run_id, seed=seed)
        return list(seen)

    first, second, third = keys("r1", 1), keys("r2", 1), keys("r3", 2)
    assert [key for key, _ in first] == ["r1-some-0", "r1-some-1", "r1-some-2"]
    assert [drawn for _, drawn in first] == [drawn for _, drawn in second]
    assert [drawn for _, drawn in first] != [drawn for _, drawn in third]


def test_warm_up_is_counted_and_not_kept():
    measured = measure([workload(warmup=30, max_samples=50)], clock=FakeClock(0))["some"]
    assert (measured.warmup, len(measured.samples)) == (30, 50)


def test_a_closed_schedule_offers_no_rate_and_has_a_worker_for_each_client():
    measured = measure([workload(schedule=Closed(3, 60), max_samples=300)])["some"]
    assert measured.offered_rate_per_s is None
    assert measured.schedule == ClosedSchedule(clients=3, workers=3)
    assert len(measured.samples) == 300
    assert np.array_equal(measured.lateness_ns, [])


def test_an_overloaded_platform_shows_in_response_times_and_in_the_achieved_rate():
    clock = FakeClock(0)
    measured = measure(
        [workload(call=lambda: clock.advance_ns(20 * MS), max_seconds=5)], clock=clock, pace=Pace(slice_s=1.0)
    )["some"]
    assert measured.achieved_rate_per_s == pytest.approx(50, rel=0.05)
    assert measured.offered_rate_per_s == pytest.approx(100, rel=0.05)
    assert measured.samples.service_ms("go").max() == 20.0
    assert measured.samples.response_ms("go").max() > 1000


@pytest.mark.system
def test_iterations_that_hang_and_iterations_that_never_begin_are_errors():
    released = Event()
    measured = measure(
        [workload(call=released.wait, max_seconds=0.1, schedule=Constant(100, 0.1))],
        pace=Pace(slice_s=0.1, patience_s=0.05, drain_s=0.05),
    )["some"]
    released.set()
    samples = measured.samples
    kinds = [samples.errors[number] for number in samples.error]
    assert kinds.count(TIMED_OUT) == 1
    assert kinds.count(NOT_SERVED) == 9
    assert np.all(samples.ended_ns > samples.intended_ns)


def test_ctrl_c_ends_everything_soon_and_saves_what_was_measured():
    saved = {}
    before = time.monotonic()

    def interrupt(progress):
        if len(progress.samples) >= 20:
            os.kill(os.getpid(), signal.SIGINT)

    measured = measure(
        [workload("a", max_seconds=600), workload("b", max_seconds=600)],
        save=saved.__setitem__,
        on_progress=interrupt,
        pace=Pace(slice_s=0.2),
    )
    assert time.monotonic() - before < 30
    assert {each.ended_because for each in measured.values()} == {"interrupted"}
    assert set(saved) == {"a", "b"}
    assert len(saved["a"].samples) >= 20


def test_what_was_measured_is_saved_even_where_the_question_breaks():
    saved = {}

    def done(slug, samples):
        raise ArithmeticError("the judge is broken")

    with pytest.raises(ArithmeticError):
        measure([workload(), workload("other")], done=done, save=saved.__setitem__, clock=FakeClock(0))
    assert len(saved["some"].samples) > 0


def test_each_scenario_is_saved_once_it_has_ended():
    saved = []
    measure(
        [workload("a", max_samples=10), workload("b", max_samples=10)],
        save=lambda slug, measurement: saved.append((slug, measurement.ended_because)),
        clock=FakeClock(0),
    )
    assert saved == [("a", "max_samples"), ("b", "max_samples")]


@pytest.mark.parametrize("workloads", [[], [workload("a"), workload("a")]])
def test_no_scenario_and_the_same_one_twice_are_refused(workloads):
    with pytest.raises(UsageError, match="at least one scenario and each one once"):
        measure(workloads)


@pytest.mark.parametrize(
    ("load", "named"),
    [
        ({"workers": 0}, "workers is 0"),
        ({"warmup": -1}, "warmup is -1"),
        ({"max_seconds": 0}, "max_seconds is 0"),
        ({"min_samples": 9, "max_samples": 8}, "min_samples 9 exceeds max_samples 8"),
    ],
)
def test_a_load_that_cannot_be_is_refused_with_its_value(load, named):
    with pytest.raises(UsageError, match=named):
        Load(Constant(1, 1), **load)

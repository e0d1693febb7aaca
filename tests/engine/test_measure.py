"""Scenarios take turns in slices, end for the right reason, and nothing measured is lost."""

import os
import signal
import time
from threading import Event

import numpy as np
import pytest

from tailguard.base.errors import UsageError
from tailguard.base.testing import FakeClock
from tailguard.engine.measure import measure
from tailguard.engine.scenario import Scenario
from tailguard.engine.scenario_execution import NOT_SERVED, TIMED_OUT
from tailguard.engine.schedule import Closed, Constant, Poisson
from tailguard.engine.workload import Load, Pace, Workload
from tailguard.record.samples import OK
from tailguard.record.scenario import ClosedSchedule

MS = 1_000_000


def scenario(slug, journey):
    return Scenario(slug, slug, ("go",), frozenset(), journey, lambda *_: None, lambda *_: [])


def workload(slug="some", call=lambda *_: None, platform=None, **load):
    load = {"schedule": Constant(100, 60), "workers": 1, **load}
    return Workload(scenario(slug, lambda s, p, d: s.step("go", call)), platform, None, Load(**load))


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
    turns = []
    journey = scenario("some", lambda s, p, d: (turns.append(s.turn), s.step("go", lambda: None)))
    schedule = Poisson(200, 5, seed=3)
    measured = measure([Workload(journey, None, None, Load(schedule, workers=1))], clock=FakeClock(0))["some"]
    assert turns == list(range(len(schedule.starts_ns())))
    assert np.all(measured.samples.outcome == OK)
    assert measured.offered_rate_per_s == pytest.approx(200, rel=0.15)
    assert measured.achieved_rate_per_s == pytest.approx(measured.offered_rate_per_s, rel=0.01)


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


def test_turns_that_hang_and_turns_that_never_begin_are_errors():
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

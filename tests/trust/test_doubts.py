"""Each doubt rings where its reason is there, keeps quiet where it is not, and is grave only for a bad measurement."""

import re
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from msgspec import structs

from tailguard.engine.measure import measure
from tailguard.engine.placement import choose_placement, pinned
from tailguard.engine.scenario_execution import NOT_SERVED, TIMED_OUT
from tailguard.engine.schedule import Poisson
from tailguard.engine.summary import scenario_entry
from tailguard.engine.telemetry import Telemetry
from tailguard.engine.workload import Load, Measurement, PlainScenario, Workload
from tailguard.judge.objectives import parse_objectives
from tailguard.record.environment import MachineReading
from tailguard.record.samples import CONFLICT, ERROR, OK, pack_code, samples_from_rows
from tailguard.record.scenario import PoissonSchedule, ScenarioEnded
from tailguard.trust.doubts import find_doubts

MS = 1_000_000
QUIET = MachineReading(
    watched_s=10,
    busy=0.4,
    foreign=0.2,
    steal=0.0,
    waiting=0.3,
    gc_longest_ms=1.0,
    gc_share=0.001,
    lag_ms=1.0,
    clock_jump_ms=0.01,
)


def measured(response_ms=None, lateness_ms=None, errors=("",), error=0, refused=(), **changes) -> Measurement:
    """A steady, honest measurement of 1,000 samples, but for what is changed; `refused` are kinds of the first ones."""
    if response_ms is None:
        response_ms = np.random.default_rng(5).lognormal(0, 0.3, 1000)
    n = len(response_ms)
    rows = np.zeros((n, 4), dtype=np.int64)
    rows[:, 0] = rows[:, 1] = np.arange(n) * 10 * MS
    rows[:, 2] = rows[:, 1] + (np.asarray(response_ms) * MS).astype(np.int64)
    rows[:, 3] = pack_code(0, ERROR if error else OK, 0, error)
    errors = (*errors, *dict.fromkeys(refused))
    for place, kind in enumerate(refused):
        rows[place, 3] = pack_code(0, CONFLICT, 0, errors.index(kind))
    plain = Measurement(
        samples=samples_from_rows("some", ("go",), errors, rows),
        schedule=PoissonSchedule(rate_per_s=100.0, seed=1, workers=8),
        warmup=50,
        offered_rate_per_s=100.0,
        achieved_rate_per_s=100.0,
        measured_s=n / 100,
        own_s=n * 1e-5,
        lateness_ns=((np.full(n, 0.08) if lateness_ms is None else np.asarray(lateness_ms)) * MS).astype(
            np.int64
        ),
        ended_because=ScenarioEnded.MAX_SAMPLES,
    )
    return replace(plain, **changes)


def doubts_of(measurement, reading=None, objectives=None):
    entry = scenario_entry("Some", measurement)
    return find_doubts({"some": entry}, {"some": measurement.samples}, objectives, reading)


def kinds(measurement, reading=None, objectives=None):
    return {doubt.kind: doubt.grade for doubt in doubts_of(measurement, reading, objectives)}


def test_an_honest_measurement_on_a_quiet_machine_is_not_doubted():
    assert kinds(measured(), QUIET) == {}


def test_a_noisy_shared_machine_is_worth_a_warning_at_most():
    """What was seen on two cores under a load of five."""
    lateness_ms = np.full(1000, 0.1)
    lateness_ms[:20] = 14.0
    noisy = structs.replace(
        QUIET, busy=1.0, foreign=0.9, waiting=0.9, steal=0.08, lag_ms=80, gc_longest_ms=20
    )
    assert set(kinds(measured(lateness_ms=lateness_ms), noisy).values()) <= {"note", "warn"}


@pytest.mark.parametrize(
    ("lateness_ms", "grade"),
    [
        ([0.1] * 980 + [12.0] * 20, "warn"),
        ([0.1] * 980 + [60.0] * 20, "grave"),
        ([2.0] * 1000, "grave"),
    ],
)
def test_a_late_generator_is_doubted_by_how_late_it_is(lateness_ms, grade):
    assert kinds(measured(lateness_ms=lateness_ms)) == {"late_generator": grade}


def test_lateness_that_is_little_beside_what_the_platform_takes_is_not_grave():
    slow = np.random.default_rng(5).lognormal(4, 0.3, 1000)
    assert kinds(measured(response_ms=slow, lateness_ms=[2.0] * 970 + [30.0] * 30)) == {
        "late_generator": "warn"
    }


def test_an_achieved_rate_below_the_offered_one_is_doubted_but_never_grave():
    assert kinds(measured(achieved_rate_per_s=98.0)) == {"below_offered_rate": "note"}
    assert kinds(measured(achieved_rate_per_s=50.0)) == {"below_offered_rate": "warn"}


def test_a_closed_schedule_has_no_rate_to_fall_short_of_and_no_start_to_be_late_for():
    closed = measured(
        offered_rate_per_s=None, achieved_rate_per_s=5000.0, lateness_ns=np.empty(0, dtype=np.int64)
    )
    assert kinds(closed) == {}


def test_starts_that_find_all_workers_busy_are_doubted():
    assert kinds(measured(lateness_ms=[0.08] * 900)) == {"queued_for_a_worker": "warn"}


@pytest.mark.parametrize("kind", [TIMED_OUT, NOT_SERVED])
def test_turns_without_an_answer_are_doubted(kind):
    assert kinds(measured(errors=("", kind), error=1))["unanswered"] == "warn"


def test_samples_that_ended_before_they_began_are_grave():
    assert kinds(measured(response_ms=[-1.0] * 10 + [1.0] * 990))["impossible_times"] == "grave"


def test_too_few_samples_for_a_verdict_are_doubted():
    assert kinds(measured(response_ms=[1.0] * 89, lateness_ms=[0.08] * 89)) == {"too_few_samples": "warn"}


def test_a_cold_start_is_doubted():
    cold = np.random.default_rng(5).lognormal(0, 0.1, 1000)
    cold[:300] *= 4
    assert kinds(measured(response_ms=cold))["not_warm"] == "warn"


def test_latencies_that_grow_all_the_time_are_doubted():
    assert kinds(measured(response_ms=np.linspace(1, 500, 1000)))["drift"] == "warn"


def test_a_journey_that_does_much_outside_of_its_steps_is_doubted():
    response_ms = [2.0] * 1000
    assert kinds(measured(response_ms=response_ms, own_s=0.19)) == {}
    assert kinds(measured(response_ms=response_ms, own_s=0.21)) == {"own_code": "warn"}


@pytest.mark.parametrize(
    ("changed", "kind", "grade"),
    [
        ({"steal": 0.05}, "stolen_cpu", "note"),
        ({"steal": 0.3}, "stolen_cpu", "warn"),
        ({"waiting": 0.9, "foreign": 0.9}, "starved_generator", "warn"),
        ({"waiting": 0.97, "foreign": 0.9}, "starved_generator", "grave"),
        ({"waiting": 0.97, "foreign": 0.1}, "starved_generator", "warn"),
        ({"gc_longest_ms": 80.0}, "garbage_collection", "warn"),
        ({"gc_share": 0.05}, "garbage_collection", "warn"),
        ({"clock_jump_ms": 3_600_000.0}, "clock_jump", "warn"),
        ({"lag_ms": 900.0}, "lagging_process", "warn"),
    ],
)
def test_what_the_machine_did_is_doubted_of_the_whole_run(changed, kind, grade):
    (doubt,) = find_doubts({}, {}, None, structs.replace(QUIET, **changed))
    assert (doubt.kind, doubt.grade, doubt.scenario) == (kind, grade, None)


def test_every_doubt_says_what_was_measured_its_limit_and_a_remedy():
    bad = measured(
        response_ms=[-1.0] * 30,
        achieved_rate_per_s=1.0,
        lateness_ms=[2.0] * 200,
        errors=("", TIMED_OUT),
        error=1,
    )
    doubts = doubts_of(bad, structs.replace(QUIET, steal=0.5, waiting=0.99, lag_ms=999))
    assert len(doubts) >= 6
    for doubt in doubts:
        assert doubt.scenario in ("some", None)
        assert doubt.measured
        assert doubt.limit
        assert doubt.remedy


@pytest.mark.proof
@pytest.mark.skipif(sys.platform != "linux", reason="the hogs are pinned to the generator's core")
def test_a_generator_starved_by_busy_processes_on_its_core_is_doubted_gravely():
    scenario = PlainScenario("some", lambda it: it.step("go", time.sleep, 0.0003))
    placement = choose_placement()
    telemetry = Telemetry(placement.generator)
    with pinned(placement):
        hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(16)]
        try:
            time.sleep(1)
            result = measure([Workload(scenario, Load(Poisson(100, 10), max_seconds=5))], telemetry=telemetry)
        finally:
            for hog in hogs:
                hog.kill()
                hog.wait()
    grades = {doubt.kind: doubt.grade for doubt in doubts_of(result["some"], telemetry.reading())}
    assert grades["starved_generator"] == "grave"


def test_the_remedies_of_a_locust_run_are_options_that_locust_has():
    cold = np.r_[np.full(400, 9.0), np.full(600, 1.0)]
    bad = [
        measured(np.ones(20)),
        measured(cold),
        measured(np.linspace(1, 9, 1000)),
        measured(lateness_ms=np.full(1000, 60.0)),
        measured(achieved_rate_per_s=50.0),
        measured(lateness_ms=np.full(100, 0.1)),
    ]
    found = {}
    for each in bad:
        entry = scenario_entry("Some", each)
        doubts = find_doubts({"some": entry}, {"some": each.samples}, None, by_locust=True)
        found |= {doubt.kind: doubt.remedy for doubt in doubts}
    assert found.keys() >= {
        "too_few_samples", "not_warm", "drift", "late_generator", "below_offered_rate", "queued_for_a_worker",
    }  # fmt: skip
    assert "--run-time" in found["too_few_samples"]
    for kind, remedy in found.items():
        assert not re.search("max_s|the rate|the workers,|measure longer", remedy), kind


@pytest.mark.parametrize(("refused", "grade"), [(1, "warn"), (49, "warn"), (50, "grave"), (1000, "grave")])
def test_refusals_of_which_nobody_stated_a_share_are_doubted_and_grave_from_a_twentieth_on(refused, grade):
    assert kinds(measured(refused=["Full"] * refused))["unstated_refusals"] == grade


@pytest.mark.parametrize(
    "stated",
    [
        {"refusal_rate": "<= 8%"},
        {"steps": {"go": {"refusal_rate": "<= 8%"}}},
        {"refusals": {"Full": "<= 8%", "HTTP 409": "<= 1%"}},
    ],
)
def test_refusals_whose_share_is_stated_are_for_their_objective_to_judge(stated):
    objectives = parse_objectives({"scenarios": {"some": stated}})
    refused = ["Full: HTTP 409 (SOLD_OUT)"] * 70 + ["HTTP 409"] * 5
    assert kinds(measured(refused=refused), objectives=objectives) == {}


def test_the_share_of_one_refusal_says_nothing_of_another():
    objectives = parse_objectives({"scenarios": {"some": {"refusals": {"Full": "<= 8%"}}}})
    (doubt,) = doubts_of(measured(refused=["Fuller"] * 60 + ["Full"] * 5), objectives=objectives)
    assert (doubt.kind, doubt.grade) == ("unstated_refusals", "grave")
    assert "60 of 1000 calls of go were refused (Fuller 60)" in doubt.measured
    assert "'refusal rate <= 12%'" in doubt.remedy


def test_a_step_that_mostly_refuses_says_so_instead_of_asking_for_a_higher_rate():
    found = {doubt.kind: doubt for doubt in doubts_of(measured(refused=["Full"] * 950))}
    assert found["mostly_refused"].measured == "950 of 1000 calls of go were refused: 50 ok samples"
    assert "look at why it refuses" in found["mostly_refused"].remedy
    assert "too_few_samples" not in found

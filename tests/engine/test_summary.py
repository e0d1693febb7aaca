"""What a run says of its samples is what anybody recomputes from its file with pandas."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailguard.config.merge import load_config
from tailguard.engine.summary import scenario_entry, summarise
from tailguard.engine.workload import Measurement
from tailguard.pipeline.environment import describe_environment
from tailguard.record.run import Run
from tailguard.record.run_record import Ended
from tailguard.record.samples import CONFLICT, ERROR, OK, OUTCOMES, pack_code, samples_from_rows
from tailguard.record.scenario import Counts, Invariant, PoissonSchedule, ScenarioEnded

STEPS, ERRORS = ("upload", "presigned_read"), ("", "DeadlockDetected", "Conflict", "never_met")

turns = st.lists(
    st.tuples(
        st.integers(0, 1),  # step
        st.integers(0, 2),  # outcome
        st.integers(0, 3),  # retries
        st.integers(0, 10**9),  # late by, ns
        st.integers(0, 10**10),  # took, ns
    ),
    max_size=60,
)


def samples_of(rows):
    kinds = {OK: 0, ERROR: 1, CONFLICT: 2}
    table = [
        (i, i + late, i + late + took, pack_code(step, outcome, retries, kinds[outcome]))
        for i, (step, outcome, retries, late, took) in enumerate(rows)
    ]
    return samples_from_rows("certificate_upload", STEPS, ERRORS, np.array(table, np.int64).reshape(-1, 4))


def measurement_of(samples):
    return Measurement(
        samples=samples,
        schedule=PoissonSchedule(rate_per_s=80.0, seed=1, workers=8),
        warmup=50,
        offered_rate_per_s=80.2,
        achieved_rate_per_s=79.9,
        measured_s=6.5,
        own_s=0.25,
        lateness_ns=np.array([1_000, 2_000, 3_000], np.int64),
        ended_because=ScenarioEnded.DECIDED,
    )


@pytest.fixture(scope="module")
def many():
    random = np.random.default_rng(7)
    took = random.lognormal(15, 0.5, 3000).astype(int).tolist()
    outcome = random.choice([OK, OK, OK, OK, CONFLICT, ERROR], 3000).tolist()
    return samples_of(
        [(i % 2, o, i % 3, 1000 * (i % 7), t) for i, (o, t) in enumerate(zip(outcome, took, strict=True))]
    )


def test_every_quantile_equals_the_one_pandas_finds_in_the_file(many, tmp_path):
    """Read back from disk by pandas alone: inverted_cdf, whose value really occurred."""
    config = load_config(environ={}, flags={"runs_dir": str(tmp_path)})
    run = Run.start(config, environment=describe_environment(tmp_path))
    run.add_scenario("certificate_upload", scenario_entry("Certificates", measurement_of(many)), many)
    run.finish(Ended.COMPLETE)
    entry = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))["scenarios"][
        "certificate_upload"
    ]
    frame = pd.read_parquet(run.folder / "samples.parquet")
    for step in STEPS:
        ok = frame[(frame.scenario == "certificate_upload") & (frame.step == step) & (frame.outcome == "ok")]
        for name, since in (("response_ms", ok.intended_ns), ("service_ms", ok.started_ns)):
            times_ms = ((ok.ended_ns - since) / 1e6).sort_values(ignore_index=True)
            said = entry["steps"][step][name]
            assert said["max"] == times_ms.max()
            for key in ("p50", "p95", "p99"):
                q = said[key]["q"]
                # The definition: the smallest value that at least the share q of all does not exceed.
                smallest = times_ms[(np.arange(1, len(times_ms) + 1) / len(times_ms)) >= q].iloc[0]
                assert said[key]["value"] == smallest
                assert said[key]["n"] == len(times_ms)
                assert said[key]["low"] <= smallest <= said[key]["high"]


@settings(deadline=None, max_examples=50)  # a busy machine is not a failure
@given(turns)
def test_every_sample_is_in_exactly_one_count(rows):
    samples = samples_of(rows)
    entry = summarise(samples)
    frame = samples.frame()
    assert entry.counts.total == len(rows) == sum(getattr(entry.counts, name) for name in OUTCOMES)
    for step in STEPS:
        of_step = frame[frame.step == step]
        assert entry.steps[step].counts == Counts(
            total=len(of_step), **{name: int((of_step.outcome == name).sum()) for name in OUTCOMES}
        )
        assert entry.steps[step].retried == int(
            ((of_step.retries > 0) & (of_step.outcome != "conflict")).sum()
        )
    assert entry.retries == sum(row[2] for row in rows)
    assert sum(entry.errors.values()) == entry.counts.error
    assert sum(entry.refusals.values()) == entry.counts.conflict


def test_failures_and_refusals_are_told_apart_by_kind():
    entry = summarise(
        samples_of([(0, ERROR, 0, 0, 1), (0, CONFLICT, 0, 0, 1), (1, CONFLICT, 0, 0, 1), (0, OK, 0, 0, 1)])
    )
    assert entry.errors == {"DeadlockDetected": 1}
    assert entry.refusals == {"Conflict": 2}


def test_failures_are_not_in_the_latencies():
    """They keep their time, but in a population of their own."""
    entry = summarise(samples_of([(0, OK, 0, 0, 1_000_000), (0, ERROR, 0, 0, 9_000_000_000)]))
    assert entry.steps["upload"].response_ms.max == 1.0


def test_a_step_without_samples_has_no_latency_rather_than_zero():
    entry = summarise(samples_of([]))
    for times in (entry.steps["upload"].response_ms, entry.steps["upload"].service_ms):
        assert times.max is None
        assert (times.p50.value, times.p95.value, times.p99.value) == (None, None, None)


def test_the_entry_has_what_was_measured_around_the_samples(many):
    broken = Invariant(name="nobody twice", held=False, expected="0", observed="2")
    entry = scenario_entry("Certificates", measurement_of(many), [broken])
    assert entry.title == "Certificates"
    assert entry.schedule == PoissonSchedule(rate_per_s=80.0, seed=1, workers=8)
    assert (entry.warmup, entry.offered_rate_per_s, entry.measured_s, entry.own_s) == (50, 80.2, 6.5, 0.25)
    assert entry.lateness_ms.max == 0.003
    assert entry.invariants == (broken,)


def test_times_of_latency_and_service_differ_by_the_lateness():
    entry = summarise(samples_of([(0, OK, 0, 2_000_000, 5_000_000)])).steps["upload"]
    assert entry.response_ms.max == 7.0
    assert entry.service_ms.max == 5.0

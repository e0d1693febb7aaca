"""Finished runs: units of a Welch test from three a side, no verdict from one, nothing compared that is not alike."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from scipy.stats import ttest_ind

from tailguard.compare.comparison import ComparedMetric
from tailguard.compare.gate_sentences import metric_name
from tailguard.compare.run_comparison import RunSample, compare_runs, incomparable
from tailguard.compare.unit_comparison import Noise, compare_units
from tailguard.record.environment import Cpu, Placement
from tailguard.record.objective import Margin, Margins
from tailguard.record.part import Document
from tailguard.record.run_record import Ended
from tailguard.record.scenario import ClosedSchedule
from tests.support.blank_record import a_record
from tests.support.runs_by_hand import entry_of, samples_of

MARGINS = Margins(quantiles=(Margin(q=0.5, most=0.05), Margin(q=0.95, most=0.10)), floor_ms=0.0)
KEY = ("registration", "register")
ENTRY = entry_of(samples_of("registration", ("register",), [1.0]))
MACHINE = replace(
    a_record().environment,
    cpu=Cpu(model="X", logical=2, physical=1),
    placement=Placement(generator=(0,), server=(1,), pinned=True),
)
RECORD = a_record(
    ended=Ended.COMPLETE,
    config=Document({"seed": 1, "runs_dir": "runs", "load": {"rate_per_s": 100.0}}),
    environment=MACHINE,
    scenarios={"registration": ENTRY},
)
METRIC = ComparedMetric("registration", "register", 0.5)


def units(seed, runs, *, factor=1.0, noise=0.02, n=1000, errors=0.0):
    rng = np.random.default_rng(seed)
    return [
        RunSample(
            f"r{i}",
            {KEY: 5 * factor * np.exp(rng.normal(0, noise)) * rng.lognormal(0, 0.3, n)},
            {KEY[0]: errors},
        )
        for i in range(runs)
    ]


def by_name(found):
    return {metric_name(each.step, each.q): each for each in found}


def test_a_slowdown_that_many_metrics_may_explain_asks_for_more_runs():
    """There are no pairs where runs are compared."""
    a, b = units(1, 3, noise=0.01), units(2, 3, factor=1.10, noise=0.01)
    many = [
        [replaced(run, {(f"s{i}", "x"): run.latencies_ms[KEY] for i in range(40)}) for run in side]
        for side in (a, b)
    ]
    found = [
        each for each in compare_runs(*many, MARGINS) if "not significant after correcting for" in each.why
    ]
    assert found
    assert all(each.why.endswith("more runs") or "more runs" in each.why for each in found)
    assert not any("more pairs" in each.why for each in found)


def replaced(run, latencies):
    return RunSample(run.name, latencies, {})


def test_one_run_a_side_cannot_tell_and_says_what_would_do():
    found = by_name(compare_runs(units(1, 1), units(2, 1, factor=3.0), MARGINS))["p50 of register"]
    assert found.state == "INCONCLUSIVE"
    assert found.change > 1.5
    assert "could have shown a change of 29 % at 5 % run-to-run noise" in found.why
    assert "28 runs per side would show 5 %" in found.why


def test_five_runs_a_side_find_twenty_percent():
    found = by_name(compare_runs(units(3, 5), units(4, 5, factor=1.2), MARGINS))
    assert found["p50 of register"].state == "FAIL"
    assert found["p50 of register"].low < 0.2 < found["p50 of register"].high


def test_five_quiet_runs_a_side_pass():
    found = by_name(compare_runs(units(5, 8, noise=0.005), units(6, 8, noise=0.005), MARGINS))
    assert {found[f"p{q} of register"].state for q in (50, 95)} == {"PASS"}


def test_more_errors_in_every_run_of_the_candidate_fail():
    found = by_name(compare_runs(units(9, 3), units(10, 3, errors=0.02), MARGINS))["errors and refusals"]
    assert (found.state, found.change) == ("FAIL", pytest.approx(0.02))


def test_a_step_that_one_side_lacks_is_invalid():
    lacking = [RunSample("x", {}, {"registration": 0.0})]
    found = by_name(compare_runs(units(11, 1), lacking, MARGINS))
    assert found["p50 of register"].state == "INVALID"


@given(
    st.lists(st.floats(1, 100), min_size=3, max_size=8, unique=True),
    st.lists(st.floats(1, 100), min_size=3, max_size=8, unique=True),
)
def test_the_p_value_is_scipys_welch_test_on_logarithms(a, b):
    found = compare_units(METRIC, a, b, margin=0.05, gated=True)
    oracle = ttest_ind(np.log(b), np.log(a), equal_var=False, alternative="greater")
    assert found.p_fail == pytest.approx(oracle.pvalue, abs=1e-9)
    assert (found.low > 0) == (oracle.pvalue < 0.01)


def test_the_least_change_seen_is_the_textbooks():
    """5.1 sigma / sqrt(K): 51 % of a logarithm at 10 %, one run per side."""
    assert Noise(0.10, "").least_seen(1) == pytest.approx(np.expm1(0.51))
    assert (
        Noise(0.05, "").runs_needed(np.expm1(0.255)) == 3
    )  # one would do by the formula, three are the least


CLOSED = ClosedSchedule(clients=8, workers=8)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            {"config": Document({"seed": 1, "runs_dir": "runs", "load": {"rate_per_s": 50.0}})},
            "configuration load.rate_per_s: 100.0 against 50.0",
        ),
        (
            {"environment": replace(MACHINE, cpu=replace(MACHINE.cpu, model="Y"))},
            "cpu model 'X' against 'Y'",
        ),
        ({"environment": replace(MACHINE, placement=None)}, "placement pinned True against None"),
        ({"environment": replace(MACHINE, memory_bytes=4_000_000_000)}, "memory"),
        ({"scenarios": {}}, "registration is missing on the candidate's side"),
        (
            {"scenarios": {"registration": ENTRY, "extra": ENTRY}},
            "extra is missing on the baseline's side",
        ),
        (
            {"scenarios": {"registration": replace(ENTRY, schedule=CLOSED)}},
            "schedule of registration: {'kind': 'poisson',",
        ),
        ({"ended": Ended.BROKE_OFF, "because": "stopped"}, "incomplete: stopped"),
    ],
)
def test_what_is_not_alike_is_named_and_not_compared(change, named):
    other = replace(RECORD, **change)
    reasons = incomparable([RunSample("a", {}, {}, RECORD)], [RunSample("b", {}, {}, other)])
    assert any(named in reason for reason in reasons), reasons


def test_where_a_run_lies_does_not_matter():
    config = Document({**RECORD.config.value, "runs_dir": "elsewhere"})
    environment = replace(MACHINE, memory_bytes=MACHINE.memory_bytes + 4096)
    other = replace(RECORD, config=config, environment=environment)
    assert incomparable([RunSample("a", {}, {}, RECORD)], [RunSample("b", {}, {}, other)]) == []


def test_a_run_is_not_compared_with_a_file():
    assert incomparable([RunSample("a", {}, {}, RECORD)], [RunSample("b", {}, {})])

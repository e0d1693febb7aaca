"""The decidability lint: how many samples a PASS needs, and what to change if they are not planned."""

import numpy as np
import pytest

from tailguard.judge.budget import SampleBudget, lint, samples_for_pass
from tailguard.judge.decision import judge_counts, judge_stream
from tailguard.judge.objectives import load_objectives, parse_objectives
from tests.support.suite import OBJECTIVES


@pytest.mark.parametrize("p0", [0.5, 0.05, 0.02, 0.01])
@pytest.mark.parametrize("dependence", ["independent", "bursty"])
def test_the_stated_number_passes_and_one_less_does_not(p0, dependence):
    """By the rule itself, on a stream without an exceedance."""
    n = samples_for_pass(p0, 0.01, dependence)
    assert judge_stream(np.zeros(n), 1 - p0, dependence=dependence).state == "PASS"
    assert judge_stream(np.zeros(n - 1), 1 - p0, dependence=dependence).state == "INCONCLUSIVE"


@pytest.mark.parametrize(("p0", "n"), [(0.05, 90), (0.01, 459), (0.02, 228)])
def test_a_fixed_number_of_samples_is_the_binomials(p0, n):
    """459 for a p99 at 99 %."""
    assert samples_for_pass(p0) == n
    assert judge_counts(n, 0, p0=p0).state == "PASS"
    assert judge_counts(n - 1, 0, p0=p0).state == "INCONCLUSIVE"


def planned(budget, dependence="independent", **table):
    """What the lint says of one scenario, as text."""
    table = {"step": "s", "dependence": dependence} | table
    return [str(each) for each in lint(parse_objectives({"scenarios": {"x": table}}), {"x": budget})]


def test_too_slow_a_rate_says_how_long_or_how_fast_to_run():
    """5/s for 30 s gives 150 samples; a p99 needs 479."""
    [said] = planned(SampleBudget(5.0, 20_000, 30.0), p99="<= 300ms")
    assert said.startswith("x p99 <= 300ms: 150 samples planned; a PASS needs at least 479")
    assert said.endswith("run 96 s or raise the rate to 16/s")


def test_too_small_a_budget_says_which_key():
    """max_samples of 300."""
    [said] = planned(SampleBudget(100.0, 300, 30.0), p99="<= 300ms")
    assert said.endswith("allow 479 samples (max_samples)")


def test_what_can_be_decided_is_not_mentioned():
    """Nor a scenario that the run leaves out."""
    assert planned(SampleBudget(100.0, 2000, 10.0), p95="<= 1ms", p99="<= 1ms", error_rate="< 1%") == []
    assert lint(load_objectives(OBJECTIVES), {}) == []


def test_a_bursty_p99_needs_more_than_a_short_run_has():
    """12,482 samples: the price of the burst guard, said before the run and not after it."""
    [said] = planned(SampleBudget(100.0, 2000, 60.0), "bursty", p99="<= 1ms")
    assert "at least 12482" in said
    assert "run 125 s or raise the rate to 209/s and allow 12482 samples" in said

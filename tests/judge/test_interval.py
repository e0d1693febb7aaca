"""The interval shown is the inversion of the test that decides: PASS exactly if its upper bound is within the limit."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest

from tailguard.base.state import State
from tailguard.judge.decision import Decision, judge_counts, judge_looks
from tailguard.judge.evidence import cumulative
from tailguard.judge.interval import observed_latency, observed_rate
from tailguard.judge.sequential import checked_rule, looks, passing_evidence
from tailguard.record.objective import Dependence, Objective
from tailguard.record.part import Estimate
from tests.support.streams import STREAMS

pytestmark = pytest.mark.system

quantiles = st.sampled_from([0.5, 0.9, 0.95, 0.99])
dependences: st.SearchStrategy[Dependence] = st.sampled_from(["bursty", "independent"])
kinds = st.sampled_from(sorted(STREAMS))
seeds = st.integers(0, 2**32 - 1)


def latency(q: float, limit_ms: float, *, strict: bool = False) -> Objective:
    return Objective(
        name="x", scenario="x", step="x", metric="latency", q=q, limit_ms=limit_ms, strict=strict
    )


def rate(p0: float) -> Objective:
    return Objective(name="x", scenario="x", step="", metric="error_rate", max_ratio=p0)


def decided(exceed: NDArray[np.bool_], p0: float, dependence: Dependence) -> Decision:
    rule = checked_rule(0.01, dependence)
    return judge_looks(looks(cumulative(exceed), p0, rule), rule, p0)


def sure(found: Estimate | None) -> tuple[float, float, float]:
    assert found is not None
    assert found.value is not None
    low = -math.inf if found.low is None else found.low
    high = math.inf if found.high is None else found.high
    assert low <= found.value <= high
    return low, found.value, high


def check_latency(
    values_ms: NDArray[np.float64], q: float, limit_ms: float, dependence: Dependence, *, strict: bool
) -> tuple[float, float]:
    """Judge the limit; return the bounds, which must say the same."""
    objective = latency(q, limit_ms, strict=strict)
    exceed = values_ms >= limit_ms if strict else values_ms > limit_ms
    decision = decided(exceed, objective.p0, dependence)
    low, _, high = sure(observed_latency(values_ms, objective, decision))
    assert (high < limit_ms if strict else high <= limit_ms) is (decision.state is State.PASS)
    assert (low >= limit_ms if strict else low > limit_ms) is (decision.state is State.FAIL)
    return low, high


@given(kinds, seeds, st.integers(100, 6000), quantiles, st.floats(0.5, 1.6), dependences, st.booleans())
def test_a_latency_passes_exactly_if_its_upper_bound_is_within_the_limit(
    kind: str, seed: int, n: int, q: float, factor: float, dependence: Dependence, strict: bool
) -> None:
    """At any limit, and at each sample next to its bounds: there a verdict turns, and one rank more would be seen."""
    values_ms = np.round(STREAMS[kind](np.random.default_rng(seed), n), 2)
    limit_ms = float(np.quantile(values_ms, q)) * factor
    bounds = check_latency(values_ms, q, limit_ms, dependence, strict=strict)
    different = np.unique(values_ms)
    for bound in bounds:
        at = int(np.searchsorted(different, bound))
        for near in different[max(at - 3, 0) : at + 4]:
            check_latency(values_ms, q, float(near), dependence, strict=strict)


def check_rate(failed: NDArray[np.bool_], p0: float, dependence: Dependence) -> tuple[float, float]:
    decision = decided(failed, p0, dependence)
    low, _, high = sure(observed_rate(len(failed), int(failed.sum()), rate(p0), decision))
    assert (high <= p0) is (decision.state is State.PASS)
    assert (low >= p0) is (decision.state is State.FAIL)
    assert 0 <= low <= high <= 1
    return low, high


@given(kinds, seeds, st.integers(1, 6000), st.floats(0, 0.1), st.floats(0.002, 0.3), dependences)
def test_a_rate_passes_exactly_if_its_upper_bound_is_within_the_limit(
    kind: str, seed: int, n: int, share: float, p0: float, dependence: Dependence
) -> None:
    """At any limit, and just beside its bounds, which a bisection finds."""
    values = STREAMS[kind](np.random.default_rng(seed), n)
    failed = values > np.quantile(values, 1 - share)
    for bound in check_rate(failed, p0, dependence):
        for factor in (0.99, 1 - 1e-6, 1 + 1e-6, 1.01):
            if 0.001 < bound * factor < 0.9:
                check_rate(failed, round(bound * factor, 12), dependence)


@given(st.integers(1, 3000), st.data(), st.floats(0.002, 0.5))
def test_a_count_fixed_beforehand_has_the_bounds_of_scipys_exact_binomial_test(
    n: int, data: st.DataObject, p0: float
) -> None:
    """Oracle: Clopper and Pearson's bounds of scipy, each one-sided at 1 %."""
    k = data.draw(st.integers(0, n) | st.integers(0, min(n, 20)))
    decision = judge_counts(n, k, p0=p0)
    low, _, high = sure(observed_rate(n, k, rate(p0), decision))
    above = binomtest(k, n, alternative="less").proportion_ci(0.99, "exact").high
    below = binomtest(k, n, alternative="greater").proportion_ci(0.99, "exact").low
    assert high == pytest.approx(above, rel=1e-3, abs=1e-7)
    assert low == pytest.approx(below, rel=1e-3, abs=1e-7)
    assert (high <= p0) is (decision.state is State.PASS)
    assert (low >= p0) is (decision.state is State.FAIL)


@given(st.integers(100, 20_000), st.floats(1, 40), quantiles, dependences, st.data())
def test_fewer_exceedances_and_a_larger_share_allowed_are_never_weaker_evidence(
    n: int, tau: float, q: float, dependence: Dependence, data: st.DataObject
) -> None:
    """What the inversion rests on: the evidence for a PASS falls in k and rises in p0."""
    p0 = 1 - q
    k = data.draw(st.integers(0, int(p0 * n)) | st.integers(0, 50))
    more = data.draw(st.integers(k, k + 60))
    at = [passing_evidence(min(each, n), n, tau, p0, dependence) for each in (k, more)]
    assert at[1] <= at[0] + 1e-9
    larger = min(p0 * data.draw(st.floats(1, 1.5)), 0.9)
    if k / n < p0:
        assert passing_evidence(k, n, tau, larger, dependence) >= at[0] - 1e-9


def test_ten_more_exceedances_turn_no_undecided_p90_into_a_pass() -> None:
    """At 1,000 samples 5 exceedances would have passed where none at all was undecided."""
    assert passing_evidence(0, 1000, 1.0, 0.1, "bursty") < math.log(100)
    assert passing_evidence(5, 1000, 1.0, 0.1, "bursty") < math.log(100)


def test_clusters_widen_the_interval_that_is_shown() -> None:
    """127 ms observed, 95 to 180 shown, limit 75, undecided: as it once was read as a FAIL."""
    rng = np.random.default_rng(4)
    stalls = STREAMS["stalls"](rng, 4000)
    limit_ms = float(np.quantile(stalls, 0.95)) * 0.9
    objective = latency(0.95, limit_ms)
    found = {
        dependence: sure(
            observed_latency(stalls, objective, decided(stalls > limit_ms, objective.p0, dependence))
        )
        for dependence in ("bursty", "independent")
    }
    assert found["bursty"][0] <= limit_ms <= found["bursty"][2]
    assert found["bursty"][2] >= found["independent"][2]


def test_a_level_that_changed_reaches_from_the_pass_to_the_fail() -> None:
    values_ms = np.r_[np.full(4000, 1.0), np.full(4000, 9.0)]
    objective = latency(0.95, 5.0)
    decision = decided(values_ms > 5.0, 0.05, "bursty")
    assert decision.state is State.INCONCLUSIVE
    assert sure(observed_latency(values_ms, objective, decision)) == (1.0, 9.0, 9.0)


def test_samples_whose_order_is_lost_have_no_bounds_unless_they_are_independent() -> None:
    decision = judge_counts(1000, 10, 0.95)
    assert sure(observed_rate(1000, 10, rate(0.05), decision))[2] < 0.05
    lost = replace(decision, state=State.INCONCLUSIVE, dependence="bursty")
    assert sure(observed_rate(1000, 10, rate(0.05), lost)) == (-math.inf, 0.01, math.inf)

"""E-values and the inflation of clustered counts, against exact enumeration, scipy and known streams."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import xlogy
from scipy.stats import beta, binom

from tailguard.judge.evidence import PRIOR_WEIGHT, cumulative, inflation, ln_e_fail, ln_e_pass

shares = st.sampled_from([0.5, 0.05, 0.02, 0.01, 0.001])


@pytest.mark.parametrize("p0", [0.5, 0.05, 0.01])
@pytest.mark.parametrize(("k", "n"), [(0, 1), (0, 100), (1, 20), (7, 100), (30, 300), (3, 3)])
def test_each_e_value_is_the_mixed_likelihood_ratio_of_its_side(k, n, p0):
    """Oracle: numerical integration of the likelihood ratio over the truncated prior."""
    prior = beta(PRIOR_WEIGHT * p0, PRIOR_WEIGHT * (1 - p0))

    def of(u):  # by the prior's own probabilities, which takes its poles away
        p = prior.ppf(u)
        return math.exp(xlogy(k, p / p0) + xlogy(n - k, (1 - p) / (1 - p0)))

    at = prior.cdf(p0)
    ln_pass, ln_fail = (each(k, n, p0) for each in (ln_e_pass, ln_e_fail))
    assert math.exp(ln_pass) == pytest.approx(quad(of, 0, at, limit=400)[0] / at, rel=1e-4, abs=1e-12)
    assert math.exp(ln_fail) == pytest.approx(quad(of, at, 1, limit=400)[0] / (1 - at), rel=1e-4, abs=1e-12)


@pytest.mark.parametrize("p", [0.05, 0.08, 0.3, 1.0])
def test_the_pass_e_value_has_mean_at_most_1_wherever_the_objective_is_breached(p):
    """Exact enumeration: sum over k of P(k) E_pass(k) <= 1 for every p >= p0."""
    k = np.arange(41)
    assert binom.pmf(k, 40, p) @ np.exp(ln_e_pass(k, 40, 0.05)) <= 1 + 1e-9


@pytest.mark.parametrize("p", [0.0, 0.01, 0.03, 0.05])
def test_the_fail_e_value_has_mean_at_most_1_wherever_the_objective_is_met(p):
    """Exact enumeration on the other side."""
    k = np.arange(41)
    assert binom.pmf(k, 40, p) @ np.exp(ln_e_fail(k, 40, 0.05)) <= 1 + 1e-9


@pytest.mark.system
@pytest.mark.parametrize("p0", [0.5, 0.2])
def test_the_chance_of_ever_crossing_is_at_most_alpha_over_every_stream_of_14(p0):
    """Exact enumeration of all 2^14 streams at p = p0, looked at after each sample: Ville's inequality holds."""
    streams = np.array(list(itertools.product([0, 1], repeat=14)))
    weights = np.prod(np.where(streams, p0, 1 - p0), axis=1)
    ln_pass, ln_fail = (each(streams.cumsum(axis=1), np.arange(1, 15), p0) for each in (ln_e_pass, ln_e_fail))
    for alpha in (0.2, 0.05, 0.01):
        for ln_e in (ln_pass, ln_fail):
            assert weights[(ln_e.max(axis=1) >= math.log(1 / alpha))].sum() <= alpha


@given(shares, st.integers(0, 10**9), st.floats(0, 1), st.floats(1, 1000))
def test_evidence_is_never_nan_nor_on_both_sides(p0, n, share, tau):
    """Also where incomplete beta functions underflow, at a billion samples and at real-valued counts."""
    ln_pass, ln_fail = (each(share * n / tau, n / tau, p0) for each in (ln_e_pass, ln_e_fail))
    assert not math.isnan(ln_pass)
    assert not math.isnan(ln_fail)
    assert min(ln_pass, ln_fail) < math.log(2)
    assert not (ln_pass > math.log(100) and share > p0 + 1e-9)
    assert not (ln_fail > math.log(100) and share < p0 - 1e-9)


@pytest.mark.system
@given(shares, st.integers(1, 5000))
def test_one_more_exceedance_is_never_evidence_for_pass(p0, n):
    """E_pass falls and E_fail rises in k, wherever there is evidence at all (below, floats are denormal)."""
    ln_pass, ln_fail = (each(np.arange(n + 1), n, p0) for each in (ln_e_pass, ln_e_fail))
    assert (np.diff(np.maximum(ln_pass, 0)) <= 1e-6).all()
    assert (np.diff(np.maximum(ln_fail, 0)) >= -1e-6).all()


def test_independent_exceedances_are_not_inflated():
    """tau is about 1, and the maximum over block lengths stays near it."""
    counts = cumulative(np.random.default_rng(7).random(20_000) < 0.05)
    assert 1 <= inflation(counts, 20_000) < 1.8


@pytest.mark.parametrize("run", [10, 40])
def test_runs_of_exceedances_are_inflated_by_their_length(run):
    """Exceedances in runs of r carry the variance of r times as many."""
    starts = np.random.default_rng(7).random(40_000 // run) < 0.05
    assert run * 0.8 < inflation(cumulative(np.repeat(starts, run)), 40_000) < run * 2


@pytest.mark.parametrize("value", [0, 1])
def test_a_constant_stream_has_no_inflation(value):
    """Nothing varies: tau is 1, not a division by zero."""
    assert inflation(cumulative(np.full(5000, value, bool)), 5000) == 1


def test_the_inflation_is_that_of_block_means():
    """Oracle: the formula written out with numpy on explicit blocks of 10, the only length 150 samples allow."""
    exceed = np.random.default_rng(3).random(150) < np.tile(np.repeat([0.02, 0.6], 15), 5)
    p = (exceed.sum() + 0.5) / 151
    expected = 10 * exceed.reshape(15, 10).mean(axis=1).var(ddof=1) / (p * (1 - p))
    assert inflation(cumulative(exceed), 150) == pytest.approx(max(1, expected))

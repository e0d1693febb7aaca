"""The judge on counts and streams: exactness, monotony, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from tailguard.base.errors import UsageError
from tailguard.base.state import State
from tailguard.judge.decision import judge_counts, judge_stream

ORDER = [State.PASS, State.INCONCLUSIVE, State.FAIL]
quantiles = st.sampled_from([0.5, 0.9, 0.95, 0.99])
dependences = st.sampled_from(["bursty", "independent"])


@pytest.mark.system
@given(st.integers(1, 3000), quantiles, st.data())
def test_counts_agree_with_scipys_exact_binomial_test(n, q, data):
    """Oracle: the two one-sided exact tests of scipy.stats.binomtest."""
    k = data.draw(st.integers(0, n) | st.integers(0, min(n, 40)))
    p0 = round(1 - q, 12)
    passes = binomtest(k, n, p0, "less").pvalue <= 0.01
    fails = binomtest(k, n, p0, "greater").pvalue <= 0.01
    expected = State.PASS if passes else State.FAIL if fails else State.INCONCLUSIVE
    assert judge_counts(n, k, q).state == expected


@pytest.mark.parametrize(("q", "n"), [(0.95, 90), (0.99, 459)])
def test_a_pass_needs_as_many_samples_as_the_binomial_says(q, n):
    """90 samples for a p95 and 459 for a p99, all of them within the limit."""
    assert judge_counts(n - 1, 0, q).state == "INCONCLUSIVE"
    assert judge_counts(n, 0, q).state == "PASS"


@pytest.mark.system
@given(st.integers(1, 2000), quantiles)
def test_more_exceedances_never_make_a_better_verdict(n, q):
    """PASS, then INCONCLUSIVE, then FAIL as k grows: never back, never two at once."""
    ranks = [ORDER.index(judge_counts(n, k, q).state) for k in range(0, n + 1, max(1, n // 60))]
    assert ranks == sorted(ranks)


@given(st.integers(1, 120), quantiles, st.sampled_from([0.01, 0.05]))
def test_wrong_verdicts_on_counts_are_at_most_alpha_exactly(n, q, alpha):
    """Exact enumeration over all k at the edge p = p0, for PASS and FAIL each."""
    p0 = round(1 - q, 12)
    states = np.array([judge_counts(n, k, p0=p0, alpha=alpha).state for k in range(n + 1)])
    chance = binom.pmf(np.arange(n + 1), n, p0)
    assert chance[states == "PASS"].sum() <= alpha + 1e-12
    assert chance[states == "FAIL"].sum() <= alpha + 1e-12


@pytest.mark.system
@given(st.lists(st.integers(0, 500), min_size=1, max_size=8), quantiles, st.data())
def test_merging_workers_counts_equals_one_stream(sizes, q, data):
    """Counts add exactly: eight workers' counts give the verdict of all samples together."""
    streams = [np.arange(size) < data.draw(st.integers(0, size)) for size in sizes]
    together = np.concatenate(streams)
    merged = judge_counts(sum(map(len, streams)), sum(int(s.sum()) for s in streams), q)
    assert merged == judge_counts(len(together), int(together.sum()), q)


@pytest.mark.system
@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.integers(1, 4000), quantiles, dependences)
def test_pass_needs_fewer_and_fail_needs_more_exceedances_than_allowed(seed, p, n, q, dependence):
    """Whatever the stream, a verdict never contradicts the share it was made of; it never uses more than there is."""
    verdict = judge_stream(np.random.default_rng(seed).random(n) < p, q, dependence=dependence)
    share = verdict.exceedances / verdict.n
    assert verdict.n <= n
    assert verdict.state in ORDER
    assert not (verdict.state is State.PASS and share >= 1 - q)
    assert not (verdict.state is State.FAIL and share <= 1 - q)


@pytest.mark.system
@given(st.integers(0, 2**32 - 1), st.floats(0, 0.3), st.floats(0, 0.3), quantiles, dependences)
def test_turning_exceedances_into_hits_never_makes_a_plain_pass_a_fail(seed, p, more, q, dependence):
    """Monotone in the stream: more exceedances in the same places never lead from FAIL to PASS."""
    u = np.random.default_rng(seed).random(3000)
    fewer, most = (judge_stream(u < share, q, dependence=dependence).state for share in (p, p + more))
    assert not (fewer is State.FAIL and most is State.PASS)


@pytest.mark.parametrize("dependence", ["bursty", "independent"])
def test_a_stream_of_constant_zeros_passes_and_of_ones_fails(dependence):
    """The extremes decide as soon as the rule may."""
    assert judge_stream(np.zeros(20_000), 0.95, dependence=dependence).state == "PASS"
    assert judge_stream(np.ones(20_000), 0.95, dependence=dependence).state == "FAIL"


def test_a_clear_pass_of_independent_samples_stops_early():
    """107 samples suffice for a p95 without an exceedance; the grid looks at 115."""
    verdict = judge_stream(np.zeros(20_000), 0.95, dependence="independent")
    assert (verdict.state, verdict.n) == ("PASS", 115)


def test_a_bursty_pass_survives_one_more_burst():
    """So it takes about 2,200 samples without an exceedance, where independent ones take 115."""
    verdict = judge_stream(np.zeros(20_000), 0.95)
    assert (verdict.state, verdict.dependence) == ("PASS", "bursty")
    assert 2000 <= verdict.n <= 2600


def test_clustered_exceedances_count_for_less_and_the_verdict_says_so():
    """The same share of exceedances decides where spread, and does not where they come in runs of 100."""
    clustered = np.zeros(4000, bool)
    clustered[1000:1300] = True
    spread = np.arange(4000) % 4000 // 1 % 13 == 0
    assert judge_stream(spread, 0.95).state == "FAIL"
    verdict = judge_stream(clustered, 0.95)
    assert verdict.state == "INCONCLUSIVE"
    assert verdict.tau > 20
    assert "cluster" in verdict.why


def test_a_stream_that_changes_its_level_is_neither_pass_nor_fail():
    """Decided for PASS first and for FAIL later: the platform changed, and the verdict says where."""
    verdict = judge_stream(np.r_[np.zeros(4000), np.ones(4000)], 0.95)
    assert verdict.state == "INCONCLUSIVE"
    assert "changed" in verdict.why


def test_no_samples_are_invalid():
    """Nothing measured is never a pass."""
    assert judge_stream([], 0.95).state == "INVALID"
    assert judge_counts(0, 0, 0.95).state == "INVALID"


def test_a_tiny_stream_is_inconclusive():
    """Five good samples prove nothing; one look at the end."""
    verdict = judge_stream([0] * 5, 0.95)
    assert (verdict.state, verdict.n, verdict.exceedances) == ("INCONCLUSIVE", 5, 0)


@pytest.mark.parametrize(
    ("exceed", "named"),
    [([0, 1, 2], "row 2"), ([0.0, float("nan")], "row 1"), ([-1], "row 0"), ([[0, 1]], "2 dimensions")],
)
def test_a_stream_of_anything_but_zeros_and_ones_is_refused(exceed, named):
    """The error names the row."""
    with pytest.raises(UsageError, match=named):
        judge_stream(exceed, 0.95)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"n": 10, "k": 11, "q": 0.95}, "11 exceedances"),
        ({"n": 10, "k": -1, "q": 0.95}, "-1 exceedances"),
        ({"n": 10, "k": 1}, "quantile q"),
        ({"n": 10, "k": 1, "q": 0.95, "p0": 0.05}, "quantile q"),
        ({"n": 10, "k": 1, "q": 1.0}, "q=1.0"),
        ({"n": 10, "k": 1, "p0": float("nan")}, "p0=nan"),
        ({"n": 10, "k": 1, "q": 0.95, "alpha": 0.0}, "alpha"),
    ],
)
def test_impossible_counts_and_shares_are_refused(wrong, named):
    """The error names the value."""
    with pytest.raises(UsageError, match=named):
        judge_counts(**wrong)


def test_an_unknown_dependence_is_refused():
    """And the right words are offered."""
    with pytest.raises(UsageError, match="'bursty'"):
        judge_stream([0], 0.95, dependence="burst")


def test_a_pass_that_later_samples_contradict_is_inconclusive() -> None:
    """Sampling goes on after a decision where another objective needs it."""
    turned = np.r_[np.zeros(400, bool), np.arange(600) % 8 == 0]
    verdict = judge_stream(turned, 0.95, dependence="independent")
    assert verdict.state is State.INCONCLUSIVE
    assert "more than allowed" in verdict.why
    assert verdict.n == 1000


def test_a_fail_that_later_samples_contradict_is_inconclusive() -> None:
    recovered = np.r_[np.arange(400) % 5 == 0, np.zeros(3600, bool)]
    verdict = judge_stream(recovered, 0.95, dependence="independent")
    assert verdict.state is State.INCONCLUSIVE

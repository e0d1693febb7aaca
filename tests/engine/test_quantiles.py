"""A quantile really occurred, its interval covers the true one as often as it says, and no tail has no value."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tailguard.base.errors import UsageError
from tailguard.engine.quantiles import estimate, interval_ranks

values = st.lists(st.floats(0, 1e6), min_size=1, max_size=300)
quantiles = st.sampled_from([0.05, 0.5, 0.9, 0.95, 0.99])
levels = st.sampled_from([0.8, 0.95, 0.99])


@given(values, quantiles)
def test_the_value_is_the_smallest_sample_that_enough_samples_do_not_exceed(given_values, q):
    found = estimate(given_values, q)
    ordered = sorted(given_values)
    if found.value is None:
        assert len(ordered) * min(q, 1 - q) < 1
        return
    assert found.value in ordered
    at_or_below = [sum(each <= x for each in ordered) for x in ordered]
    assert found.value == next(
        x for x, n in zip(ordered, at_or_below, strict=True) if n >= len(ordered) * q - 1e-9
    )


@given(values, quantiles, levels)
def test_the_interval_holds_the_value_and_both_are_samples(given_values, q, level):
    found = estimate(given_values, q, level)
    ends = [end for end in (found.low, found.value, found.high) if end is not None]
    assert ends == sorted(ends)
    assert set(ends) <= set(given_values)
    assert found.n == len(given_values)


@given(values, values, quantiles)
def test_merging_is_concatenating_in_any_order(one, other, q):
    assert estimate(one + other, q) == estimate(other + one, q)


@given(values, quantiles, st.integers(-10, 10))
def test_scaling_the_values_scales_the_estimate(given_values, q, exponent):
    factor = 2.0**exponent
    found, scaled = estimate(given_values, q), estimate([factor * each for each in given_values], q)
    for name in ("value", "low", "high"):
        of_found = getattr(found, name)
        assert getattr(scaled, name) == (None if of_found is None else factor * of_found)


@given(st.integers(1, 5000), quantiles, levels)
def test_each_side_errs_at_most_half_of_what_is_left_and_the_next_rank_would_err_more(n, q, level):
    """Oracle: sums of the binomial probabilities themselves."""
    tail = (1 - level) / 2
    lower, upper = interval_ranks(n, q, level)
    pmf = stats.binom.pmf(np.arange(n + 1), n, q)
    below, above = np.cumsum(pmf), np.cumsum(pmf[::-1])[::-1]
    tolerance = 1e-9
    if lower is None:
        assert below[0] > tail - tolerance
    else:
        assert below[lower - 1] <= tail + tolerance
        assert below[lower] > tail - tolerance
    if upper is None:
        assert above[n] > tail - tolerance
    else:
        assert above[upper] <= tail + tolerance
        assert above[upper - 1] > tail - tolerance


@given(st.integers(1, 400), st.sampled_from([0.5, 0.9, 0.95]), levels)
def test_the_median_agrees_with_scipys_order_statistic_interval(n, q, level):
    """Oracle: scipy inverts the same binomial test. It looks for the ranks another way, so compare what they mean."""
    data = np.arange(1, n + 1, dtype=float)
    found = estimate(data, q, level)
    theirs = stats.quantile_test(data, q=0, p=q).confidence_interval(level)
    for mine, other in ((found.low, theirs.low), (found.high, theirs.high)):
        if mine is None:
            assert np.isnan(other)
        else:
            assert other == mine


@pytest.mark.parametrize(("q", "n"), [(0.5, 20), (0.95, 300), (0.99, 1000), (0.99, 460)])
def test_the_interval_covers_the_true_quantile_as_often_as_it_says(q, n):
    """Seeded simulation with lognormal latencies: the interval is exact, so it errs in at most 1 - level of them."""
    rng = np.random.default_rng(20_260 + n)
    truth, level, trials = stats.lognorm.ppf(q, 0.8), 0.95, 2000
    misses = 0
    for data in rng.lognormal(0, 0.8, size=(trials, n)):
        found = estimate(data, q, level)
        misses += (found.low is not None and found.low > truth) or (
            found.high is not None and found.high < truth
        )
    assert stats.binomtest(misses, trials, 1 - level, alternative="greater").pvalue > 0.001


@pytest.mark.parametrize(("n", "present"), [(0, False), (19, False), (20, True), (21, True)])
def test_a_p95_is_absent_until_one_sample_may_lie_beyond_it(n, present):
    assert (estimate(np.arange(n), 0.95).value is not None) == present


def test_a_side_that_no_sample_can_bound_is_none():
    found = estimate(np.arange(100), 0.99)
    assert found.value == 98
    assert found.high is None
    assert found.low is not None


def test_no_samples_have_no_quantile():
    found = estimate([], 0.95)
    assert (found.value, found.low, found.high, found.n) == (None, None, None, 0)


@pytest.mark.parametrize(
    ("q", "level", "named"), [(0, 0.9, "quantile is 0"), (95, 0.9, "quantile is 95"), (0.5, 1, "level is 1")]
)
def test_a_quantile_or_level_outside_its_range_is_refused(q, level, named):
    with pytest.raises(UsageError, match=named):
        estimate([1.0], q, level)


def test_values_that_are_not_numbers_are_refused():
    with pytest.raises(UsageError, match="NaN"):
        estimate([1.0, float("nan")], 0.5)


@given(n=st.integers(1, 3000), q=st.floats(0.001, 0.999) | st.sampled_from((0.5, 0.9, 0.95, 0.99, 0.999)))
def test_the_value_is_that_of_numpys_inverted_cdf(n: int, q: float) -> None:
    values = np.random.default_rng(n).permutation(n).astype(float)
    found = estimate(values, q).value
    assert found in (None, np.percentile(values, q * 100, method="inverted_cdf"))

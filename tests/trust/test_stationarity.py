"""The alarms ring for a drift and a cold start, and seldom without."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard.trust.stationarity import BATCH, drift_z, mser5_cut


def steady(seed, n=2000):
    return np.random.default_rng(seed).lognormal(0, 0.5, n)


def test_a_series_that_grows_by_a_quarter_has_a_large_z_and_one_that_falls_a_negative_one():
    grown = steady(1) * np.linspace(1, 1.25, 2000)
    assert drift_z(grown) > 3
    assert drift_z(grown[::-1]) < -3


def test_a_steady_series_rings_the_drift_alarm_seldom():
    alarms = sum(abs(drift_z(steady(seed))) > 3 for seed in range(400))
    assert alarms <= 10  # about 5 in 1,000 are expected: 2 of 400


def test_a_series_too_short_for_its_blocks_has_no_z_and_a_constant_one_has_0():
    assert drift_z(np.ones(63)) is None
    assert drift_z(np.ones(64)) == 0
    assert drift_z(np.repeat([1.0, 2.0], 32)) == np.inf


@pytest.mark.parametrize("seed", range(5))
def test_mser5_cuts_a_cold_start_off(seed):
    cold = steady(seed) + 8 * np.exp(-np.arange(2000) / 100)
    assert 150 <= mser5_cut(cold) <= 700


@given(st.lists(st.floats(0, 1e3), max_size=60))
def test_mser5_minimises_its_statistic_over_the_first_half(values):
    """Oracle: the formula, term by term."""
    data = np.array(values)
    m = len(data) // BATCH
    cut = mser5_cut(data)
    if m < 2:
        assert cut == 0
        return
    means = data[: m * BATCH].reshape(m, BATCH).mean(axis=1)
    scores = [((means[d:] - means[d:].mean()) ** 2).sum() / (m - d) ** 2 for d in range(m // 2 + 1)]
    assert scores[cut // BATCH] <= min(scores) + 1e-6 * max(1.0, float((means**2).sum()))

"""Slow growth is found, and at its limit neither verdict is wrong more often than stated."""

from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray

from tailguard.base.state import State
from tailguard.judge.drift.slope import (
    FEWEST_GROUPS,
    FEWEST_POINTS,
    _rising_pairs,
    judge_drift,
    pairwise_slopes,
)

MINUTES_PER_H = 60


def soak(
    hours: float, slope_per_h: float, noise: float, correlation: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One value a minute: a line, and noise in which each minute depends on the one before."""
    n = int(hours * MINUTES_PER_H)
    times = np.arange(n) / MINUTES_PER_H
    steps = rng.normal(0, noise * np.sqrt(1 - correlation**2), n)
    steps[0] = rng.normal(0, noise)
    series = np.empty(n)
    level = 0.0
    for place, step in enumerate(steps):
        level = correlation * level + step
        series[place] = level
    return times, 100.0 + slope_per_h * times + series


@pytest.mark.parametrize("n", [5, 6, 7])
def test_the_distribution_of_rising_pairs_is_that_of_all_orders(n: int) -> None:
    rising = [
        sum(a < b for i, a in enumerate(order) for b in order[i + 1 :]) for order in permutations(range(n))
    ]
    k = _rising_pairs(n, 0.01)
    assert np.mean(np.array(rising) >= k) <= 0.01 < np.mean(np.array(rising) >= k - 1)


def test_a_line_without_noise_has_its_own_slope_as_both_bounds() -> None:
    times = np.linspace(0, 4, 240)
    found = judge_drift(times, 3.0 * times, 2.0)
    assert (found.state, found.groups) == (State.FAIL, 12)
    assert found.slope == pytest.approx(3.0)
    assert found.low == pytest.approx(3.0)
    assert judge_drift(times, 3.0 * times, 4.0).state is State.PASS


def test_slopes_are_of_all_pairs() -> None:
    assert pairwise_slopes(np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, 3.0])).tolist() == [0.5, 1.0, 2.0]


def test_too_few_points_decide_nothing() -> None:
    n = FEWEST_GROUPS * FEWEST_POINTS - 1
    found = judge_drift(np.arange(n, dtype=float), np.arange(n, dtype=float), 0.0)
    assert (found.state, found.slope) == (State.INCONCLUSIVE, None)


def test_a_few_wild_values_move_nothing() -> None:
    times, values = soak(4, 0.0, 0.3, 0.0, np.random.default_rng(1))
    values[::40] += 1000.0
    assert judge_drift(times, values, 0.5).state is State.PASS


@pytest.mark.proof
@pytest.mark.parametrize(
    ("hours", "noise", "slope"), [(2, 0.3, 0.2), (36, 5.0, 0.5 / 24)], ids=["memory", "latency"]
)
@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_at_the_limit_itself_each_verdict_is_wrong_once_in_a_hundred(
    hours: float, noise: float, slope: float, correlation: float
) -> None:
    rng = np.random.default_rng(7)
    soaks = 2000
    states = [judge_drift(*soak(hours, slope, noise, correlation, rng), slope).state for _ in range(soaks)]
    wrong = {state: states.count(state) / soaks for state in (State.PASS, State.FAIL)}
    print(f"{hours} h, correlation {correlation}: wrong {wrong}")
    assert max(wrong.values()) <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / soaks)


@pytest.mark.proof
@pytest.mark.parametrize(
    ("hours", "noise", "slope", "limit"),
    [(2, 0.3, 1.0, 0.2), (36, 5.0, 2.0 / 24, 0.2 / 24)],
    ids=["1 MB/h within 2 h", "2 %/day within 36 h"],
)
def test_a_leak_and_a_drift_are_found_in_time(hours: float, noise: float, slope: float, limit: float) -> None:
    rng = np.random.default_rng(8)
    soaks = 500
    states = [judge_drift(*soak(hours, slope, noise, 0.5, rng), limit).state for _ in range(soaks)]
    found = states.count(State.FAIL) / soaks
    print(f"found in {found:.1%} of {soaks}")
    assert found >= 0.85

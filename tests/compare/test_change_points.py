"""Where a series changed: energy distance, windows, pruning."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import energy_distance, ttest_ind

from tailguard.compare.series.change_points import FEWEST, best_split, change_points


def series(*parts: tuple[int, float], spread: float = 0.03, seed: int = 1) -> np.ndarray:
    """Runs around each level, in order: (how many, level)."""
    rng = np.random.default_rng(seed)
    return np.concatenate([level * np.exp(rng.normal(0, spread, n)) for n, level in parts])


def test_a_step_is_found_with_its_size() -> None:
    [found] = change_points(series((40, 5.0), (20, 6.0)))
    assert found.at == 40
    assert found.low < 1.2 < found.high
    assert found.high / found.low < 1.06


def test_the_p_value_is_students() -> None:
    values = series((40, 5.0), (20, 6.0))
    [found] = change_points(values)
    assert found.p_value == pytest.approx(ttest_ind(np.log(values[:40]), np.log(values[40:])).pvalue)


def test_changes_up_and_down_over_many_windows_are_all_found() -> None:
    found = change_points(series((45, 5.0), (70, 5.5), (33, 4.6), (80, 5.0)))
    assert [each.at for each in found] == [45, 115, 148]
    assert [each.ratio > 1 for each in found] == [True, False, True]


def test_a_change_of_less_than_3_percent_is_not_told() -> None:
    assert change_points(series((200, 5.0), (200, 5.1), spread=0.005)) == ()


def test_too_few_runs_tell_nothing() -> None:
    assert change_points(series((FEWEST - 5, 5.0), (4, 9.0))) == ()


def test_equal_runs_tell_nothing_and_two_levels_are_one_change() -> None:
    assert change_points(np.full(100, 5.0)) == ()
    assert [each.at for each in change_points(np.repeat([5.0, 6.0], 20))] == [20]


@pytest.mark.parametrize("spread", [0.03, 0.1])
def test_quiet_histories_of_60_runs_rarely_tell_a_change(spread: float) -> None:
    told = sum(bool(change_points(series((60, 5.0), spread=spread, seed=seed))) for seed in range(100))
    assert told <= 12


@given(st.lists(st.integers(1, 50), min_size=3, max_size=25))
@settings(max_examples=50, deadline=None)
def test_the_split_has_the_largest_weighed_energy_distance(values: list[int]) -> None:
    data = np.array(values, dtype=np.float64)
    assert energy(data, best_split(data)) == pytest.approx(
        max(energy(data, at) for at in range(1, len(data)))
    )


def energy(data: np.ndarray, at: int) -> float:
    """Return the best over all ends, with the unbiased means within each side, by its definition."""
    return max(_weighed(data[:at], data[at:end]) for end in range(at + 1, len(data) + 1))


def _weighed(left: np.ndarray, right: np.ndarray) -> float:
    n, m = len(left), len(right)
    squared = energy_distance(left, right) ** 2  # scipy's means within count each value with itself
    within = [np.abs(side[:, None] - side).sum() for side in (left, right)]
    biased = [total / size**2 for total, size in zip(within, (n, m), strict=True)]
    unbiased = [total / max(size * (size - 1), 1) for total, size in zip(within, (n, m), strict=True)]
    return (squared + sum(biased) - sum(unbiased)) * n * m / (n + m)

"""A noisy bisection: which of many commits made it slower."""

import math

import numpy as np
import pytest

from tailguard.compare.series.bisection import Bisection


def bisected(
    first_slow: int, commits: int = 64, slower: float = 1.10, seed: int = 1, broken: tuple[int, ...] = ()
) -> Bisection:
    """Bisect simulated commits at a spread of 4 % a pair, until it is sure or 150 pairs are measured."""
    rng = np.random.default_rng(seed)
    bisection = Bisection(commits)
    while bisection.pairs < 150 and (commit := bisection.next_commit()) is not None:
        if commit in broken:
            bisection.skipped.add(commit)
        else:
            bisection.observe(
                commit, (math.log(slower) if commit >= first_slow else 0.0) + rng.normal(0, 0.04)
            )
    return bisection


@pytest.mark.parametrize("first_slow", [0, 7, 15])
def test_the_first_slow_commit_is_found_with_its_size(first_slow: int) -> None:
    bisection = bisected(first_slow, commits=16)
    assert bisection.found() == range(first_slow, first_slow + 1)
    ratio, low, high = bisection.change()
    assert low <= 1.1 <= high
    assert ratio == pytest.approx(1.1, abs=0.04)


def test_the_posterior_is_that_of_bayes_for_two_commits() -> None:
    bisection = Bisection(2)
    bisection.observe(0, 0.0)
    bisection.observe(1, 0.5)
    first, second, none = bisection.posterior()
    assert first + second + none == pytest.approx(1)
    assert second > first > 0
    assert second > none > 0


@pytest.mark.system
def test_if_nothing_got_slower_no_commit_is_accused() -> None:
    accused = [bisected(99, commits=16, seed=seed).found() for seed in range(10)]
    assert [each for each in accused if each] == []
    assert accused.count(range(0)) >= 7  # the others are undecided


def test_a_pair_that_is_far_off_does_not_decide() -> None:
    bisection = Bisection(4)
    for commit in (3, 3, 3, 3, 1, 1, 1):
        bisection.observe(commit, 0.1 if commit >= 2 else 0.0)
    bisection.observe(1, 2.0)
    assert bisection.posterior().argmax() == 2


def test_commits_that_cannot_be_measured_are_named_together_with_the_next() -> None:
    assert bisected(6, commits=16, broken=(5, 6)).found() == range(5, 8)


def test_without_a_commit_that_can_be_measured_there_is_nothing_next() -> None:
    bisection = Bisection(2, skipped={0, 1})
    assert bisection.next_commit() is None
    assert bisection.found() is None


@pytest.mark.proof
def test_of_64_commits_the_right_one_is_found_in_95_percent_of_500_cases() -> None:
    rng = np.random.default_rng(5)
    places = [int(each) for each in rng.integers(0, 64, 500)]
    right = sum(
        bisected(place, seed=seed).found() == range(place, place + 1) for seed, place in enumerate(places)
    )
    assert right / 500 >= 0.95

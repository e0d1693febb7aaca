"""Whether a series gets slower now: bounded false alarms by construction, and how soon a slowdown is told."""

from itertools import permutations

import numpy as np
import pytest

from tailguard.compare.series import alarm
from tailguard.compare.series.alarm import NIGHTS, alarms, evidence_of


def night_values(n: int, spread: float, seed: int) -> np.ndarray:
    return np.exp(np.random.default_rng(seed).normal(0, spread, n))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same detector with sizes that let all orders be tried."""
    for name, value in {"LEAST_REFERENCE": 2, "REFERENCE": 3, "LONGEST": 4, "GAPS": (1, 2)}.items():
        monkeypatch.setattr(alarm, name, value)


@pytest.mark.usefixtures("small")
def test_over_all_orders_of_the_same_runs_each_beginning_is_worth_exactly_one() -> None:
    """This is what bounds the false alarms: the sum grows by 1 a run on average, whatever the distribution."""
    sums = [
        evidence_of(np.array(order)).sum(axis=0) for order in permutations([1.0, 2.0, 3.0, 10.0, 11.0, 50.0])
    ]
    assert np.mean(sums, axis=0) == pytest.approx([0, 0, 1, 2, 3, 4])


@pytest.mark.system
@pytest.mark.parametrize(("step", "nights"), [(1.10, 5), (1.05, 15)])
def test_the_median_slowdown_is_told_in_time_at_a_spread_of_3_percent(step: float, nights: int) -> None:
    delays = []
    for seed in range(60):
        values = night_values(120, 0.03, seed) * np.where(np.arange(120) < 60, 1, step)
        raised = [each.raised for each in alarms(values, series=100)]
        delays.append(raised[0] - 60 + 1 if raised else np.inf)
    assert np.median(delays) <= nights


def test_an_alarm_says_where_the_slowdown_most_likely_began() -> None:
    values = night_values(100, 0.03, 1) * np.where(np.arange(100) < 70, 1, 1.3)
    [found] = alarms(values, series=1)
    assert abs(found.began - 70) <= 1
    assert 70 < found.raised < 76


def test_after_an_alarm_the_new_level_is_quiet_and_a_second_slowdown_is_told() -> None:
    levels = np.repeat([1.0, 1.3, 1.7], 60)
    assert [round(each.began, -1) for each in alarms(night_values(180, 0.03, 2) * levels, series=1)] == [
        60,
        120,
    ]


def test_what_gets_faster_raises_no_alarm() -> None:
    assert alarms(night_values(120, 0.03, 3) * np.where(np.arange(120) < 60, 1, 0.7), series=1) == ()


@pytest.mark.system
@pytest.mark.parametrize("kind", ["normal", "heavy tails", "equal runs"])
def test_quiet_histories_raise_as_few_false_alarms_as_stated(kind: str) -> None:
    rng = np.random.default_rng(4)
    raised, histories, runs, watched = 0, 100, 100, 1
    for _ in range(histories):
        values = {
            "normal": np.exp(rng.normal(0, 0.05, runs)),
            "heavy tails": np.exp(np.clip(rng.standard_t(2, runs) * 0.03, -3, 3)),
            "equal runs": rng.integers(5, 8, runs).astype(float),
        }[kind]
        raised += len(alarms(values, series=watched))
    expected = histories * runs / NIGHTS / watched
    assert raised <= expected + 3 * np.sqrt(expected)

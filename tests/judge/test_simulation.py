"""How often the sequential judge is wrong, by seeded simulation; what docs/explanation/statistics.md states.

300 streams at each ratio of true quantile to limit: one of them weighs 0.33 points.
"""

import os

import numpy as np
import pytest

from tailguard.judge.decision import State, judge_stream
from tests.support.streams import STREAMS, true_quantile

pytestmark = pytest.mark.benchmark

RATIOS = (0.8, 0.9, 1.0, 1.1, 1.2)
# 300 by default; the table of docs/explanation/statistics.md was made with 300 and seed 20261.
REPEATS = int(os.environ.get("TAILGUARD_SIMULATION_REPEATS", "300"))
SEED = int(os.environ.get("TAILGUARD_SIMULATION_SEED", "20261"))
BUDGET = 20_000


def simulate(name, q, dependence="bursty", repeats=REPEATS):
    """Shares of PASS and FAIL and the mean samples to a decision, by ratio."""
    stream, limit = STREAMS[name], true_quantile(STREAMS[name], q)
    table = {}
    for ratio in RATIOS:
        rng = np.random.default_rng([SEED, sorted(STREAMS).index(name), int(ratio * 100)])
        verdicts = [
            judge_stream(stream(rng, BUDGET) * ratio > limit, q, dependence=dependence)
            for _ in range(repeats)
        ]
        passed, failed = (np.mean([v.state is state for v in verdicts]) for state in (State.PASS, State.FAIL))
        table[ratio] = (passed, failed, np.mean([v.n for v in verdicts]))
    for ratio, (passed, failed, n) in table.items():
        print(f"{name:15} q={q} r={ratio:.2f}  PASS {passed:6.1%}  FAIL {failed:6.1%}  n {n:8.0f}")
    return table


def wrong(table):
    """The worst share of wrong verdicts: FAIL below 1, PASS above, either at the edge."""
    below = [failed for ratio, (_, failed, _) in table.items() if ratio <= 1]
    return max(*below, *(passed for ratio, (passed, _, _) in table.items() if ratio >= 1))


@pytest.mark.parametrize("dependence", ["bursty", "independent"])
def test_independent_samples_are_judged_wrong_at_most_1_percent_of_the_time(dependence):
    """And clear cases cost what the rule's description says: some hundred, or 2,800 with the burst guard."""
    table = simulate("independent", 0.95, dependence)
    # 1 % with 300 streams: up to 7 wrong (2.3 %) is what chance allows in 99.7 % of such experiments.
    assert wrong(table) <= 0.024
    assert table[0.8][0] == table[1.2][1] == 1
    assert table[0.8][2] < {"bursty": 3200, "independent": 560}[dependence]
    assert table[1.2][2] < {"bursty": 1150, "independent": 480}[dependence]


@pytest.mark.parametrize("q", [0.95, 0.99])
@pytest.mark.parametrize("name", ["autocorrelated", "regime", "stalls", "queue"])
def test_dependent_samples_are_judged_wrong_at_most_4_percent_of_the_time(name, q):
    """Bursts nobody told the judge of."""
    assert wrong(simulate(name, q)) <= 0.04


def test_the_naive_rule_would_be_wrong_far_more_often():
    """The contrast, on the same streams: np.percentile of 500 samples against the limit."""
    stream, limit = STREAMS["stalls"], true_quantile(STREAMS["stalls"], 0.95)
    rng = np.random.default_rng(SEED)
    passed = np.mean([np.percentile(stream(rng, 500) * 1.1, 95) <= limit for _ in range(REPEATS)])
    assert passed > 0.2

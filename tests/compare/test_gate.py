"""The regression gate: exact bounds, honest states, and its own false-alarm rate."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from tailguard.base.errors import UsageError
from tailguard.compare.gate import fewest_pairs, gate_blocks, hodges_lehmann, inverted_cdf, p_slower
from tailguard.judge.multiplicity import holm

differences = st.integers(9, 40).flatmap(
    lambda n: st.lists(
        st.floats(-1, 1).filter(lambda x: abs(x) > 1e-6), min_size=n, max_size=n, unique_by=abs
    )
)


def pairs(seed, n, m=100, slower=0.0):
    """n pairs of blocks of m lognormal latencies about 5 ms, the candidate slower by a share."""
    rng = np.random.default_rng(seed)
    machine = np.exp(rng.normal(0, 0.05, (n, 1)))
    a, b = (
        5 * machine * rng.lognormal(0, 0.3, (n, m)) * np.exp(rng.normal(0, 0.02, (n, 1))) for _ in range(2)
    )
    return list(a), list(b * (1 + slower))


@pytest.mark.system
@given(differences, st.sampled_from([0.01, 0.0033, 0.05]))
def test_the_bounds_are_those_of_scipys_exact_signed_rank_test(d, alpha):
    """Oracle: the lower bound is above 0 exactly where scipy rejects "centre <= 0", and likewise the upper one."""
    d = np.array(d)
    _, low, high = hodges_lehmann(d, alpha)
    above = wilcoxon(d, alternative="greater", method="exact").pvalue
    below = wilcoxon(d, alternative="less", method="exact").pvalue
    assert (low > 0) == (above <= alpha)
    assert (high < 0) == (below <= alpha)


@given(differences, st.floats(-0.5, 0.5))
def test_estimate_and_bounds_move_with_the_data(d, shift):
    """Shift equivariance, and low <= estimate <= high."""
    before, after = hodges_lehmann(np.array(d), 0.01), hodges_lehmann(np.array(d) + shift, 0.01)
    assert np.allclose(np.add(before, shift), after)
    assert before[1] <= before[0] <= before[2]


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=300),
    st.sampled_from([0.01, 0.5, 0.9, 0.95, 0.99, 0.999]),
)
def test_the_quick_quantile_is_numpys(values, q):
    """Oracle: numpy's inverted_cdf, a value that really occurred."""
    values = np.array(values)
    assert inverted_cdf(values, q) == np.percentile(values, q * 100, method="inverted_cdf")


@given(st.integers(0, 1000), st.integers(9, 40))
def test_swapping_the_sides_inverts_the_ratio(seed, n):
    """What is 5 % slower one way is 1/1.05 the other; both sides are never slower."""
    a, b = pairs(seed, n)
    there, back = gate_blocks(a, b), gate_blocks(b, a)
    if there.pairs == back.pairs:
        assert there.ratio * back.ratio == pytest.approx(1)
    assert {there.state, back.state} != {"FAIL"}


def test_a_clear_slowdown_fails_at_the_first_look():
    """+20 % is seen in 10 pairs, with its ratio."""
    change = gate_blocks(*pairs(1, 40, slower=0.20))
    assert (change.state, change.pairs) == ("FAIL", 10)
    assert change.low < 1.20 < change.high
    assert change.p_fail <= 0.01


def test_the_same_code_passes_in_40_pairs_and_says_how_sure_it_is():
    """Bounded below the margin with confidence."""
    change = gate_blocks(*pairs(2, 40, m=400))
    assert change.state == "PASS"
    assert change.high < change.margin == pytest.approx(1.05)
    assert "not slower by 5 %" in change.why


def test_a_change_below_the_floor_bothers_nobody():
    """From 0.2 to 0.23 ms is 15 %, and nothing to anybody where 0.1 ms is the floor."""
    a, b = pairs(3, 40, slower=0.15)
    a, b = [block / 25 for block in a], [block / 25 for block in b]
    assert gate_blocks(a, b).state == "FAIL"
    assert gate_blocks(a, b, floor_ms=0.1).state == "PASS"


def test_too_few_pairs_say_how_many_are_needed():
    """With alpha a third of 1 %, nine pairs are the least that can say anything."""
    change = gate_blocks(*pairs(4, 8, slower=1.0))
    assert change.state == "INCONCLUSIVE"
    assert (change.low, change.high) == (0, np.inf)
    assert "too few pairs to say anything" in change.why
    assert gate_blocks(*pairs(4, 9, slower=1.0)).state == "FAIL"


def test_identical_blocks_are_no_change():
    """Ties everywhere: the ratio is exactly 1 and passes."""
    a, _ = pairs(5, 20)
    change = gate_blocks(a, a)
    assert (change.state, change.ratio, change.low, change.high) == ("PASS", 1, 1, 1)


def test_one_bad_block_is_shrugged_off():
    """A pair ten times off moves the estimate by a few per cent of nothing."""
    a, b = pairs(6, 40, m=400)
    b[7] = b[7] * 10
    assert gate_blocks(a, b).state == "PASS"


@pytest.mark.parametrize(
    ("a", "b", "named"),
    [
        ([[1.0]], [], "1 blocks against 0"),
        ([], [], "0 blocks"),
        ([[1.0], []], [[1.0], [1.0]], "baseline block 2"),
        ([[1.0]], [[float("nan")]], "candidate block 1"),
        ([[1.0]], [[-1.0]], "candidate block 1"),
        ([[0.0]], [[1.0]], "quantile of 0"),
    ],
)
def test_impossible_blocks_are_refused_by_number(a, b, named):
    """The duet discards such a pair and counts it."""
    with pytest.raises(UsageError, match=named):
        gate_blocks(a, b)


@pytest.mark.benchmark
@pytest.mark.parametrize(("q", "delta"), [(0.5, 0.05), (0.95, 0.10)])
def test_false_alarms_stay_at_alpha_and_ten_percent_is_found(q, delta):
    """1,000 duets of fresh pairs: 5 % machine noise (AR 0.9 by slot), 2 % process effect, blocks of 200."""
    rng = np.random.default_rng([61, int(q * 100)])
    states = {slower: [_duet(rng, slower, q, delta) for _ in range(1000)] for slower in (0.0, 0.10)}
    assert np.mean([state == "FAIL" for state in states[0.0]]) <= 0.015
    assert np.mean([state == "FAIL" for state in states[0.10]]) >= 0.98


def _duet(rng, slower, q, delta):
    slots = np.empty(80)
    slots[0] = rng.normal(0, 0.05)
    for i, shock in enumerate(rng.normal(0, 0.05 * np.sqrt(1 - 0.9**2), 79), 1):
        slots[i] = 0.9 * slots[i - 1] + shock
    level = 5 * np.exp(slots + rng.normal(0, 0.02, 80))
    blocks = level[:, None] * rng.lognormal(0, 0.3, (80, 200))
    first, second = blocks[::2], blocks[1::2]
    ab = np.arange(40)[:, None] % 2 == 0  # AB, BA, AB, ...
    a, b = np.where(ab, first, second), np.where(ab, second, first) * (1 + slower)
    return gate_blocks(list(a), list(b), q=q, delta=delta).state


@given(st.integers(1, 60))
def test_one_of_so_many_metrics_can_fail_at_the_fewest_pairs_and_never_at_one_less(metrics):
    def grants(n):
        return holm([p_slower(np.ones(n)), *[1.0] * (metrics - 1)], 0.01)[0]

    fewest = fewest_pairs(metrics, 0.01)
    assert (grants(fewest), grants(fewest - 1)) == (True, False)


def test_the_fewest_pairs_are_those_of_the_exact_test():
    assert [fewest_pairs(metrics, 0.01) for metrics in (1, 4, 23)] == [9, 11, 13]

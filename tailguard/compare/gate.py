"""The regression gate's decision: is the candidate slower than its baseline? Pure: blocks in, a change out.

Block j of both sides was measured side by side, each by a fresh process; its log-ratio is one observation. Samples
within a block are not independent of each other, and tests on raw samples raise 15 to 35 % false alarms.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tailguard.base.errors import UsageError
from tailguard.base.state import State
from tailguard.base.text_format import ratio, signed_percent

# Block pairs at which the gate may stop; the last look is always at the end. Each has a third of alpha (Bonferroni).
LOOKS = (10, 20)
SHARES = len(LOOKS) + 1


@dataclass(frozen=True, slots=True)
class Change:
    """The candidate's quantile over the baseline's, with bounds, and what follows. 1.05 is 5 % slower.

    `low` and `high` each hold with 1 - alpha, over all looks; they are 0 and inf if the pairs are too few. `p_fail`
    bounds the chance of such evidence if the candidate is not slower.
    """

    state: State
    ratio: float
    low: float
    high: float
    pairs: int
    margin: float
    p_fail: float
    why: str


def gate_blocks(
    baseline_blocks: Sequence[ArrayLike],
    candidate_blocks: Sequence[ArrayLike],
    *,
    q: float = 0.5,
    delta: float = 0.05,
    alpha: float = 0.01,
    floor_ms: float = 0.0,
    once: bool = False,
) -> Change:
    """Compare the q-quantiles of paired blocks of latencies in ms.

    With d_j = ln(quantile(candidate_j) / quantile(baseline_j)): FAIL if d is above 0 with confidence and its
    estimate at least half the margin; PASS if it is below the margin with confidence; else INCONCLUSIVE. The margin
    is 1 + delta, or more if `floor_ms` is more of the baseline's median than delta. Looks at 10, 20 and all pairs, the
    first that decides counts; if `once`, at all pairs alone. Raises UsageError for unequal, empty or impossible blocks,
    with their number.
    """
    d, typical_ms = log_ratios(baseline_blocks, candidate_blocks, q)
    if not (delta > 0 and 0 < alpha < 0.5 and floor_ms >= 0):  # noqa: PLR2004  # beyond even odds nothing is decided
        raise UsageError(
            f"delta {delta}, alpha {alpha}, floor {floor_ms} ms: a gate needs delta > 0, 0 < alpha < 0.5"
        )
    margin = max(math.log1p(delta), math.log1p(floor_ms / typical_ms))
    found = [_decide(d[:pairs], margin, alpha) for pairs in looks_at(len(d), once=once)]
    # Each look's p has its share already, so that the least of all looks is one, too: later pairs, if there are
    # any, may confirm a FAIL that Holm does not grant at once among many metrics.
    return replace(first_decided(found), p_fail=min(change.p_fail for change in found))


def first_decided(looks: Sequence[Change]) -> Change:
    """Return the first look that decides, else the last."""
    return next((each for each in looks if each.state is not State.INCONCLUSIVE), looks[-1])


def looks_at(pairs: int, *, once: bool = False) -> list[int]:
    """Return the numbers of pairs at which a duet of `pairs` pairs is looked at; the last look is at its end."""
    return [pairs] if once else [*(look for look in LOOKS if look < pairs), pairs]


def fewest_pairs(metrics: int, alpha: float) -> int:
    """Return the fewest pairs at which one of that number of metrics can FAIL.

    If the candidate is slower in all n pairs, p = SHARES * 2^-n; Holm's step-down (1979) asks for p <= alpha / metrics.
    """
    return math.ceil(math.log2(SHARES * metrics / alpha))


def hodges_lehmann(d: NDArray[np.float64], alpha: float) -> tuple[float, float, float]:
    """Return estimate, lower and upper bound of the centre of d, each bound wrong with at most alpha.

    The median of the Walsh averages (d_i + d_j) / 2, i <= j, and those between which the exact signed-rank test keeps
    the centre (Hodges & Lehmann 1963). Without enough values for alpha the bounds are infinite.
    """
    averages = _walsh(d)
    c = int(np.searchsorted(_signed_rank_cdf(len(d)), alpha, side="right"))
    low, high = (averages[c - 1], averages[-c]) if c else (-math.inf, math.inf)
    return float(np.median(averages)), float(low), float(high)


def p_slower(d: NDArray[np.float64]) -> float:
    """Return the exact one-sided signed-rank p-value of "the centre is not above 0", times the number of looks."""
    return min(1.0, SHARES * float(_signed_rank_cdf(len(d))[int((_walsh(d) <= 0).sum())]))


def _decide(d: NDArray[np.float64], margin: float, alpha: float) -> Change:
    estimate, low, high = hodges_lehmann(d, alpha / SHARES)
    p = p_slower(d)
    if low > 0 and estimate >= margin / 2:
        state, claim = State.FAIL, "slower"
    elif high < margin:
        state, claim = State.PASS, f"not slower by {ratio(math.expm1(margin))}"
    elif math.isinf(low):
        state, claim = State.INCONCLUSIVE, "too few pairs to say anything"
    else:
        state, claim = State.INCONCLUSIVE, f"neither slower nor within {ratio(math.expm1(margin))}"
    why = (
        f"{len(d)} pairs, {signed_percent(math.expm1(estimate))} [{_percent(low)}, {_percent(high)}]: {claim}"
    )
    return Change(state, math.exp(estimate), math.exp(low), math.exp(high), len(d), math.exp(margin), p, why)


def log_ratios(
    baseline: Sequence[ArrayLike], candidate: Sequence[ArrayLike], q: float
) -> tuple[NDArray[np.float64], float]:
    """Return the log-ratio of each pair, and the baseline's typical quantile in ms; raises as `gate_blocks` does."""
    if len(baseline) != len(candidate) or not len(baseline):
        raise UsageError(
            f"{len(baseline)} blocks against {len(candidate)}: each block needs its pair, at least one"
        )
    if not 0 < q < 1:
        raise UsageError(f"q is {q}; a quantile lies between 0 and 1, such as 0.95")
    a, b = (
        np.array([_quantile(block, q, f"{side} block {j}") for j, block in enumerate(blocks, 1)])
        for side, blocks in (("baseline", baseline), ("candidate", candidate))
    )
    return np.log(b / a), float(np.median(a))


def _quantile(block: ArrayLike, q: float, name: str) -> float:
    values = np.asarray(block, float)
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all() or (values < 0).any():
        raise UsageError(
            f"{name} is not one row of finite latencies of 0 or more: discard the pair and count it"
        )
    quantile = inverted_cdf(values, q)
    if quantile == 0:
        raise UsageError(
            f"{name} has a {q:g}-quantile of 0: measure more work at a time, the clock cannot see this"
        )
    return quantile


def inverted_cdf(values: NDArray[np.float64], q: float) -> float:
    """Return numpy's `percentile(values, 100 q, method="inverted_cdf")` in a tenth of its time: one selection."""
    at = max(math.ceil(round(q * len(values), 9)) - 1, 0)
    return float(np.partition(values, at)[at])


def _walsh(d: NDArray[np.float64]) -> NDArray[np.float64]:
    i, j = np.triu_indices(len(d))
    return np.sort((d[i] + d[j]) / 2)


@cache
def _signed_rank_cdf(n: int) -> NDArray[np.float64]:
    """Return P(W <= w), w = 0 ... n (n+1)/2, of the signed-rank sum of n values: each rank counts with chance 1/2."""
    pmf = np.zeros(n * (n + 1) // 2 + 1)
    pmf[0] = 1.0
    for rank in range(1, n + 1):
        pmf[rank:] += pmf[:-rank].copy()
        pmf /= 2
    return np.cumsum(pmf)


def _percent(log_ratio: float) -> str:
    return signed_percent(math.expm1(log_ratio)) if math.isfinite(log_ratio) else "?"

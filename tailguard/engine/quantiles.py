"""Quantiles that really occurred, each with a distribution-free interval, or an honest absence."""

import functools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, bdtrc, bdtrik  # scipy.stats says the same and takes a second to import

from tailguard.base.errors import UsageError
from tailguard.record.part import Quantile

# Confidence of an interval: an SLO is judged at 1 % a side, so its interval is not narrower than the verdict's.
LEVEL = 0.99

# A quantile beyond which less than this many samples are expected is the extreme sample under another name: the p99 of
# 60 samples is their maximum, whatever the platform does. It is absent until n min(q, 1-q) reaches this.
LEAST_TAIL = 1.0


def estimate(values: ArrayLike, q: float, level: float = LEVEL) -> Quantile:
    """Estimate the quantile `q` of `values` with a distribution-free interval, in their unit.

    The value is absent if the samples are too few to have such a tail (`LEAST_TAIL`).
    The value is the smallest sample x with at least n q samples <= x: `numpy.percentile(..., method="inverted_cdf")`.
    Samples of several workers are put together by concatenating them; quantiles themselves cannot be merged.

    Raises:
        UsageError: `q` or `level` is not between 0 and 1, or a value is not a number.
    """
    return estimates(values, (q,), level)[0]


def estimates(values: ArrayLike, qs: Sequence[float], level: float = LEVEL) -> list[Quantile]:
    """Estimate several quantiles of the same values; each as `estimate` does."""
    for q in qs:
        _check(q, level)
    unordered = np.asarray(values, dtype=float)
    n = len(unordered)
    if np.isnan(unordered).any():
        raise UsageError(
            f"the p{qs[0] * 100:g} of values with NaN among them does not exist; drop or mend them"
        )
    ranks = {q: (_position(n, q) + 1, *interval_ranks(n, q, level)) for q in qs}
    sought = sorted({rank - 1 for of_q in ranks.values() for rank in of_q if rank})
    ordered = (
        np.partition(unordered, sought) if sought else unordered
    )  # of millions, no more than is looked at
    return [_estimate(ordered, q, level, *ranks[q]) for q in qs]


def _estimate(
    ordered: NDArray[np.float64], q: float, level: float, rank: int, lower: int | None, upper: int | None
) -> Quantile:
    n = len(ordered)
    present = n * min(q, 1 - q) >= LEAST_TAIL * (1 - 1e-9)  # 20 * (1 - 0.95) must count as 1
    return Quantile(
        q=q,
        value=float(ordered[rank - 1]) if present else None,
        low=None if lower is None else float(ordered[lower - 1]),
        high=None if upper is None else float(ordered[upper - 1]),
        level=level,
        n=n,
    )


def _position(n: int, q: float) -> int:
    """Return where numpy's "inverted_cdf" finds the quantile among n ordered values, from 0; -1 if there are none."""
    return max(0, math.ceil(n * (q * 100 / 100) - 1)) if n else -1


@functools.lru_cache(maxsize=4096)  # steps of one scenario, and their verdicts, have few sizes
def interval_ranks(n: int, q: float, level: float = LEVEL) -> tuple[int | None, int | None]:
    """Ranks l and u (from 1) of the order statistics that bound the quantile `q` of n samples.

    With B ~ Binomial(n, q), the number of samples at or below the true quantile x_q of a continuous distribution, and
    a = 1 - level: X(l) > x_q is B < l and X(u) < x_q is B >= u; l is the largest rank with P(B < l) <= a/2, u the
    smallest with P(B >= u) <= a/2, so that P(X(l) <= x_q <= X(u)) >= level. Ties only raise the coverage. A rank
    that does not exist is None. Source: David and Nagaraja, Order Statistics (2003), section 7.1.
    """
    tail = (1 - level) / 2
    lower = _rank(tail, n, q) + 1  # from above, down to the largest that keeps the promise
    while lower > 0 and bdtr(lower - 1, n, q) > tail:
        lower -= 1
    upper = max(_rank(1 - tail, n, q), 1)  # from below, up to the smallest
    while upper <= n and bdtrc(upper - 1, n, q) > tail:
        upper += 1
    return (lower if lower >= 1 else None), (upper if upper <= n else None)


def _rank(share: float, n: int, q: float) -> int:
    """Return the k with P(B <= k) = share, rounded down; 0 if even P(B = 0) is more, or n is 0."""
    return int(np.nan_to_num(bdtrik(share, n, q))) if n else 0


def _check(q: float, level: float) -> None:
    for name, value in (("quantile", q), ("level", level)):
        if not 0 < value < 1:
            raise UsageError(f"the {name} is {value}; it must lie between 0 and 1, as 0.95 does")

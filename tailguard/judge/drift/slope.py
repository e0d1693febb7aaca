"""The slope of a series by Theil and Sen, with an exact interval, against a stated limit.

Points close in time depend on each other, so the interval stands on the middles of long groups, which hardly do.
Of independent values the number of rising pairs has Kendall's distribution, whatever their noise is; the interval is
its inversion. Sources: Theil, A rank-invariant method of linear and polynomial regression analysis (1950); Sen,
Estimates of the regression coefficient based on Kendall's tau (1968).
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tailguard.base.state import State

# More groups would shorten the interval a little, and each would be shorter.
MOST_GROUPS = 24
# Of points whose neighbours have a correlation of 0.5, the middles of 20 have one of 0.04.
FEWEST_POINTS = 20
# With fewer than five groups no order of theirs is rarer than 1 %.
FEWEST_GROUPS = 5


@dataclass(frozen=True, slots=True)
class Drift:
    """A slope per unit of time, and its bounds, each wrong with probability `alpha` at most; None if there are none.

    PASS: it is below the limit (steady). FAIL: it is above (grows). INCONCLUSIVE: the points do not tell.
    """

    state: State
    slope: float | None
    low: float | None
    high: float | None
    groups: int


def judge_drift(
    times: NDArray[np.float64], values: NDArray[np.float64], limit: float, alpha: float = 0.01
) -> Drift:
    """Judge whether `values` grow by less than `limit` per unit of `times`, which ascend.

    A PASS and a FAIL are each wrong with probability `alpha` at most, of one look at a length that was planned.
    """
    groups = min(MOST_GROUPS, len(values) // FEWEST_POINTS)
    if groups < FEWEST_GROUPS:
        return Drift(State.INCONCLUSIVE, None, None, None, groups)
    at = np.array([part.mean() for part in np.array_split(times, groups)])
    level = np.array([_midmean(part) for part in np.array_split(values, groups)])
    slopes = pairwise_slopes(at, level)
    rarely = _rising_pairs(groups, alpha)
    low, high = float(slopes[len(slopes) - rarely]), float(slopes[rarely - 1])
    state = State.FAIL if low > limit else State.PASS if high < limit else State.INCONCLUSIVE
    return Drift(state, float(np.median(slopes)), low, high, groups)


def _midmean(values: NDArray[np.float64]) -> float:
    """The mean of the middle half: a quarter of wild values moves it little, and it varies less than the median."""
    cut = len(values) // 4
    return float(np.sort(values)[cut : len(values) - cut].mean())


def pairwise_slopes(at: NDArray[np.float64], level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the slope between each two points, ascending."""
    first, second = np.triu_indices(len(at), 1)
    found: NDArray[np.float64] = np.sort((level[second] - level[first]) / (at[second] - at[first]))
    return found


@cache
def _rising_pairs(n: int, alpha: float) -> int:
    """Return the least number k of rising pairs, of `n` independent values, with P(k or more) at most `alpha`."""
    ways = np.ones(1)
    for size in range(2, n + 1):  # the next value goes to any place among those before
        ways = np.convolve(ways, np.full(size, 1.0 / size))
    at_least = np.cumsum(ways[::-1])[::-1]
    return int(np.argmax(at_least <= alpha))

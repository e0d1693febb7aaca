"""Where a series of runs changed: E-divisive means in windows, then weak points pruned.

Matteson and James, "A nonparametric approach for multiple change point analysis of multivariate data", 2014, for the
split; Fleming et al., "Hunter: using change point detection to hunt for performance regressions", 2023, for windows,
Student's test in place of permutations, and the pruning. All on logarithms: a change is a ratio.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

WINDOW = 30  # runs that a split looks at; windows overlap by half
P_VALUE = 0.001  # of a point that is reported; ten times as much while splitting
SMALLEST = math.log(1.03)  # a smaller change is not reported
FEWEST_TO_SPLIT = 3  # Student's test of two runs has no degrees of freedom
FEWEST = 10  # runs of a series that is looked at
CONFIDENCE = 0.99


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """`at` is the first run after the change; `ratio` its mean after against before, with a 99 % interval."""

    at: int
    ratio: float
    low: float
    high: float
    p_value: float


def change_points(values: NDArray[np.float64]) -> tuple[ChangePoint, ...]:
    """Return the changes of a series of positive values, oldest first; none if there are fewer than ten."""
    if len(values) < FEWEST:
        return ()
    logs = np.log(values)
    return _pruned(logs, _split(logs))


def _split(logs: NDArray[np.float64]) -> list[int]:
    """Return all points that are weak or better, in order."""
    found: set[int] = set()
    start = 0
    while start < len(logs):
        inside = _split_window(logs[start : start + WINDOW])
        found.update(start + each for each in inside)
        start += max([WINDOW // 2, *inside])
    return sorted(found)


def _split_window(logs: NDArray[np.float64]) -> list[int]:
    found, segments = [], [(0, len(logs))]
    while segments:
        first, last = segments.pop()
        if last - first < FEWEST_TO_SPLIT:
            continue
        at = first + best_split(logs[first:last])
        if _Step.between(logs[first:at], logs[at:last]).p_value < 10 * P_VALUE:
            found.append(at)
            segments += [(first, at), (at, last)]
    return found


def best_split(values: NDArray[np.float64]) -> int:
    """Return where the energy distance between both sides is largest; the right side may end before the end."""
    n = len(values)
    sums = np.zeros((n + 1, n + 1))
    sums[1:, 1:] = np.abs(values[:, None] - values).cumsum(axis=0).cumsum(axis=1)
    within = np.diag(sums)  # of the first so many, each pair twice
    left, end = np.arange(1, n)[:, None], np.arange(2, n + 1)[None, :]
    right = np.maximum(end - left, 1)
    between = sums[1:n, 2:] - within[1:n, None]
    among_left = within[1:n, None] / np.maximum(left * (left - 1), 1)
    among_right = (within[None, 2:] - 2 * sums[1:n, 2:] + within[1:n, None]) / np.maximum(
        right * (right - 1), 1
    )
    distance = 2 * between / (left * right) - among_left - among_right
    weighed = np.where(end > left, distance * left * right / (left + right), -np.inf)
    return int(np.unravel_index(np.argmax(weighed), weighed.shape)[0]) + 1


def _pruned(logs: NDArray[np.float64], points: list[int]) -> tuple[ChangePoint, ...]:
    """Take the weakest point away until all are significant and large enough between their neighbours."""
    while points:
        bounds = [0, *points, len(logs)]
        steps = [
            _Step.between(logs[a:b], logs[b:c])
            for a, b, c in zip(bounds[:-2], points, bounds[2:], strict=True)
        ]
        weakest = max(range(len(points)), key=lambda each: steps[each].p_value)
        if steps[weakest].p_value < P_VALUE:
            weakest = min(range(len(points)), key=lambda each: abs(steps[each].difference))
            if abs(steps[weakest].difference) >= SMALLEST:
                return tuple(step.told(at) for at, step in zip(points, steps, strict=True))
        del points[weakest]
    return ()


@dataclass(frozen=True, slots=True)
class _Step:
    """Two neighbours by Student's test: the difference of their means, its standard error, degrees of freedom."""

    difference: float
    error: float
    freedom: int

    @classmethod
    def between(cls, left: NDArray[np.float64], right: NDArray[np.float64]) -> Self:
        difference, freedom = float(right.mean() - left.mean()), len(left) + len(right) - 2
        squares = float(((left - left.mean()) ** 2).sum() + ((right - right.mean()) ** 2).sum())
        spread = math.sqrt(squares / max(freedom, 1) * (1 / len(left) + 1 / len(right)))
        return cls(difference, spread, freedom)

    @property
    def p_value(self) -> float:
        if self.freedom == 0 or self.difference == 0:
            return 1.0
        return 2 * float(stdtr(self.freedom, -abs(self.difference) / self.error)) if self.error else 0.0

    def told(self, at: int) -> ChangePoint:
        half = float(stdtrit(self.freedom, (1 + CONFIDENCE) / 2)) * self.error
        ratio, low, high = (math.exp(self.difference + each) for each in (0.0, -half, half))
        return ChangePoint(at, ratio, low, high, self.p_value)

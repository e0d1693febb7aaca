"""Where a series of runs changed: E-divisive means in windows, then weak points pruned.

Matteson and James, "A nonparametric approach for multiple change point analysis of multivariate data", 2014, for the
split; Fleming et al., "Hunter: using change point detection to hunt for performance regressions", 2023, for windows,
Student's test in place of permutations, and the pruning. All on logarithms: a change is a ratio.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tailguard.compare.series.student import errors_of_interval, two_sided_p

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
    sums = np.abs(values[:, None] - values).cumsum(axis=0).cumsum(axis=1)
    within = sums.diagonal()  # of the first so many, each pair twice
    of_both, of_left, of_right, allowed = _weights(n)
    distance = of_both * sums[:-1] + of_left * within[:-1, None] + of_right * within + allowed
    return int(distance.argmax()) // n + 1


@cache
def _weights(n: int) -> tuple[NDArray[np.float64], ...]:
    """Return what each sum of distances counts in the energy distance, by the left side's size and the right one's end.

    The last one is minus infinity where nothing is left for the right side.
    """
    left, end = np.arange(1, n)[:, None], np.arange(1, n + 1)[None, :]
    right = np.maximum(end - left, 1)
    weight, between = left * right / (left + right), 2 / (left * right)
    among_left, among_right = (1 / np.maximum(each * (each - 1), 1) for each in (left, right))
    return (
        weight * (between + 2 * among_right),
        -weight * (between + among_left + among_right),
        -weight * among_right,
        np.where(end > left, 0.0, -np.inf),
    )


def _pruned(logs: NDArray[np.float64], points: list[int]) -> tuple[ChangePoint, ...]:
    """Take the weakest point away until all are significant and large enough between their neighbours."""

    @cache  # only the neighbours of the point that was taken away change
    def step(before: int, at: int, after: int) -> _Step:
        return _Step.between(logs[before:at], logs[at:after])

    while points:
        bounds = [0, *points, len(logs)]
        steps = [step(*each) for each in zip(bounds[:-2], points, bounds[2:], strict=True)]
        weakest = max(range(len(points)), key=lambda each: steps[each].p_value)
        if steps[weakest].p_value < P_VALUE:
            weakest = min(range(len(points)), key=lambda each: abs(steps[each].difference))
            if abs(steps[weakest].difference) >= SMALLEST:
                return tuple(step.told(at) for at, step in zip(points, steps, strict=True))
        del points[weakest]
    return ()


@dataclass(frozen=True, slots=True)
class _Step:
    """Two neighbours by Student's test: the difference of their means, its standard error, degrees of freedom, p."""

    difference: float
    error: float
    freedom: int
    p_value: float

    @classmethod
    def between(cls, left: NDArray[np.float64], right: NDArray[np.float64]) -> Self:
        before, after = left - left.sum() / len(left), right - right.sum() / len(right)
        difference = float(right[0] - after[0] - (left[0] - before[0]))
        freedom, squares = len(left) + len(right) - 2, float(before @ before + after @ after)
        spread = math.sqrt(squares / max(freedom, 1) * (1 / len(left) + 1 / len(right)))
        if freedom == 0 or difference == 0:
            return cls(difference, spread, freedom, 1.0)
        return cls(difference, spread, freedom, two_sided_p(difference / spread, freedom) if spread else 0.0)

    def told(self, at: int) -> ChangePoint:
        half = errors_of_interval(CONFIDENCE, self.freedom) * self.error
        ratio, low, high = (math.exp(self.difference + each) for each in (0.0, -half, half))
        return ChangePoint(at, ratio, low, high, self.p_value)

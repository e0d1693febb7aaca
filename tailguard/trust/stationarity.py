"""Was a series of latencies steady? Two alarms for a doubt; neither cuts or corrects anything."""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

# Blocks for the drift alarm: enough for a standard deviation in each half, few enough that neighbours hardly correlate.
BLOCKS = 32
# MSER-5 averages batches of five before it looks (White, Cobb and Spratt, 2000).
BATCH = 5


def drift_z(values: NDArray[np.float64]) -> float | None:
    """Compare the first half of the series with the second over 32 block means.

    z = (mean of the later 16 block means - mean of the earlier 16) / sqrt(s1^2 / 16 + s2^2 / 16): Welch's statistic;
    positive if the series grew. None if there are fewer than two values per block; 0 if nothing varies.
    """
    if len(values) < 2 * BLOCKS:
        return None
    means = np.array([block.mean() for block in np.array_split(values, BLOCKS)])
    early, late = means[: BLOCKS // 2], means[BLOCKS // 2 :]
    error = sqrt((early.var(ddof=1) + late.var(ddof=1)) / (BLOCKS // 2))
    difference = float(late.mean() - early.mean())
    if error == 0:
        return 0.0 if difference == 0 else float(np.copysign(np.inf, difference))
    return difference / error


def mser5_cut(values: NDArray[np.float64]) -> int:
    """Say how many values MSER-5 would cut off the beginning as warm-up.

    Over the means y of batches of five, it chooses the d that minimises sum((y[d:] - mean(y[d:]))^2) / (m - d)^2; a d
    beyond the middle means that no steady state was reached and is returned as the middle.
    Source: White, Cobb and Spratt, A comparison of five steady-state truncation heuristics for simulation (2000).
    """
    m = len(values) // BATCH
    if m < 2:  # noqa: PLR2004 - no choice to make
        return 0
    means = values[: m * BATCH].reshape(m, BATCH).mean(axis=1)
    means = means - means.mean()  # keeps the sums of squares small against rounding
    remaining = np.arange(m, 0, -1)
    sums = np.cumsum(means[::-1])[::-1]
    squares = np.cumsum(means[::-1] ** 2)[::-1]
    score = np.maximum(squares - sums**2 / remaining, 0.0) / remaining**2
    return int(np.argmin(score[: m // 2 + 1])) * BATCH

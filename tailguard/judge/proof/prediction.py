"""How long a statement will take on a table that is larger than any it was tried on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit  # scipy.stats says the same and takes half a second to import

CONFIDENCE = 0.95
# A straight line through two sizes fits whatever the times are.
FEWEST_SIZES = 3


@dataclass(frozen=True, slots=True)
class Prediction:
    """Seconds on `rows` rows, and the interval of them if the time goes on growing in a straight line."""

    rows: int
    seconds: float
    low_s: float
    high_s: float


def predicted(rows: Sequence[int], seconds: Sequence[float], real_rows: int) -> Prediction | None:
    """Fit a straight line by least squares and go on along it; None if there are too few sizes.

    The interval is that of the line's height at `real_rows` (Draper and Smith, Applied Regression Analysis, 1.4). No
    time is predicted to be shorter than the mean of the largest size.
    """
    if len({*rows}) < FEWEST_SIZES or len(rows) <= FEWEST_SIZES:
        return None
    x, y = np.asarray(rows, dtype=float), np.asarray(seconds, dtype=float)
    around, squares = x - x.mean(), float(((x - x.mean()) ** 2).sum())
    slope = float((around * y).sum()) / squares
    height = y.mean() + slope * (real_rows - x.mean())
    rest = float(((y - y.mean() - slope * around) ** 2).sum()) / (len(x) - 2)
    spread = (real_rows - x.mean()) ** 2 / squares
    margin = stdtrit(len(x) - 2, (1 + CONFIDENCE) / 2) * (rest * (1 / len(x) + spread)) ** 0.5
    least = float(y[x == x.max()].mean())
    low, middle, high = (max(float(value), least) for value in (height - margin, height, height + margin))
    return Prediction(real_rows, middle, low, high)

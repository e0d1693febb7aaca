"""HdrHistogram's percentile distribution (.hgrm), a file per step, for the plotters that read it."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tailguard.record.run import Run
from tailguard.report.exports.distributions import distributions

_TICKS = 5  # per half distance to 100 %, as HdrHistogram's own default
_HEADER = f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}\n\n"


def export(run: Run) -> dict[str, str]:
    """Return `<scenario>-<step>.hgrm` of each step; values are in ms and exact, not those of a histogram's buckets."""
    return {f"{each.scenario}-{each.step}.hgrm": text_of(each.times_ms) for each in distributions(run)}


def text_of(times_ms: NDArray[np.float64]) -> str:
    """Return the distribution of at least one value."""
    ordered = np.sort(times_ms)
    rows = [_row(ordered, percentile) for percentile in _percentiles(len(ordered))]
    last = f"{ordered[-1]:12.3f} {1.0:2.12f} {len(ordered):10d}\n"
    footer = (
        f"#[Mean    = {ordered.mean():12.3f}, StdDeviation   = {ordered.std():12.3f}]\n"
        f"#[Max     = {ordered[-1]:12.3f}, TotalCount     = {len(ordered):12d}]\n"
        f"#[Buckets = {0:12d}, SubBuckets     = {0:12d}]\n"
    )
    return _HEADER + "".join(rows) + last + footer


def _percentiles(n: int) -> Iterator[float]:
    """Yield fractions that get denser towards 1, until one sample is beyond (HdrHistogram's iteration)."""
    fraction = 0.0
    while 1 - fraction >= 1 / n:
        yield fraction
        halvings = int(np.log2(1 / (1 - fraction))) + 1
        fraction += 1 / (_TICKS * 2**halvings)


def _row(ordered: NDArray[np.float64], fraction: float) -> str:
    count = max(1, int(np.ceil(fraction * len(ordered))))
    return f"{ordered[count - 1]:12.3f} {fraction:2.12f} {count:10d} {1 / (1 - fraction):14.2f}\n"

"""Samples reduced to what a chart can draw, whatever their number, without losing what matters.

A picture of two million samples has no more pixels than one of six hundred. What must survive is the tail: every
time bucket keeps its slowest sample, the histogram counts all, and the percentile curve is exact where it is drawn.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tailguard.record.samples import ERROR, Samples

_NS_PER_MS, _NS_PER_S = 1e6, 1e9
FLOOR_MS = 1e-3  # a microsecond: below what is timed here; a logarithmic axis has no zero
_HISTOGRAM_BINS = 40  # as fine as a chart 600 px wide can show with gaps
_TICKS_PER_HALVING = 5  # HdrHistogram's usual density: five points each time the distance to 100 % halves
_CLOUD_BINS = 32
_FINEST = 20  # a scenario that was measured for less than a twentieth of the time is drawn coarser
_BRIDGED = 3  # buckets: a thin stream leaves one or two empty by chance


@dataclass(frozen=True, slots=True)
class Step:
    """One step's samples in milliseconds, in order of the intended start.

    `at_s` counts from the first intended start of the scenario, `end_s` is its last. `response_ms` and `service_ms`
    are of the `ok` samples, `failed_at_s` and `failed_ms` of those that ended in an error.
    """

    name: str
    at_s: NDArray[np.float64]
    response_ms: NDArray[np.float64]
    service_ms: NDArray[np.float64]
    failed_at_s: NDArray[np.float64]
    failed_ms: NDArray[np.float64]
    end_s: float


def step_of(samples: Samples, name: str) -> Step:
    """Take one step out of a scenario's samples."""
    samples = samples.in_order()
    good, failed = samples.ok(name), (samples.step == samples.step_index(name)) & (samples.outcome == ERROR)
    response_ms, service_ms = samples.response_ms(name), samples.service_ms(name)
    failed_ms = (samples.ended_ns[failed] - samples.intended_ns[failed]) / _NS_PER_MS
    for times_ms in (response_ms, service_ms, failed_ms):
        np.maximum(times_ms, FLOOR_MS, out=times_ms)
    end_s = float(samples.intended_ns[-1] - samples.intended_ns[0]) / _NS_PER_S if len(samples) else 0.0
    return Step(name, _at_s(samples, good), response_ms, service_ms, _at_s(samples, failed), failed_ms, end_s)


def _at_s(samples: Samples, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
    since_ns = samples.intended_ns[rows]
    since_ns -= samples.intended_ns[:1]
    return since_ns / _NS_PER_S


def slowest_by_bucket(
    at_s: NDArray[np.float64], values: NDArray[np.float64], buckets: int
) -> NDArray[np.int64]:
    """Return the index of the slowest sample of each of `buckets` equal time buckets that holds any."""
    _, edges = _held_buckets(at_s, buckets)
    slowest = [begin + int(values[begin:end].argmax()) for begin, end in pairwise(edges)]
    return np.asarray(slowest, dtype=np.int64)


def busy_buckets(at_s: NDArray[np.float64], most: int) -> int:
    """Return how many equal buckets of the whole time leave about `most` that hold a sample.

    Scenarios take turns, so most of a scenario's time belongs to others.
    """
    held, _ = _held_buckets(at_s, most)
    return min(most * most // held.size, most * _FINEST) if held.size else most


def median_by_bucket(at_s: NDArray[np.float64], values: NDArray[np.float64], buckets: int) -> pd.DataFrame:
    """Return `at_s` (the bucket's middle), `median_ms` and `n` of each time bucket that holds any sample.

    `stretch` numbers the stretches between which nothing was measured: a line must not bridge them.
    """
    if not values.size:
        return pd.DataFrame({"at_s": [], "median_ms": [], "n": [], "stretch": []})
    width = (float(at_s.max()) or 1.0) / buckets
    places, edges = _held_buckets(at_s, buckets)
    stretch = np.cumsum(np.diff(places, prepend=places[0]) > _BRIDGED)
    return pd.DataFrame(
        {
            "at_s": (places + 0.5) * width,
            "median_ms": [float(np.median(values[begin:end])) for begin, end in pairwise(edges)],
            "n": np.diff(edges),
            "stretch": stretch,
        }
    )


def _held_buckets(at_s: NDArray[np.float64], buckets: int) -> tuple[NDArray[np.int64], list[int]]:
    """Return which of `buckets` equal time buckets hold a sample; where each of them begins, and the last one ends."""
    end = float(at_s[-1]) if at_s.size and at_s[-1] > 0 else 1.0
    begins = np.searchsorted(at_s, np.arange(buckets) * (end / buckets))
    places = np.flatnonzero(np.diff(begins, append=at_s.size))
    return places, [*begins[places].tolist(), at_s.size]


def histogram(values: NDArray[np.float64]) -> pd.DataFrame:
    """Count all values in logarithmic bins: `low_ms`, `high_ms`, `n`."""
    low, high = float(values.min()), float(values.max())
    edges = np.geomspace(low, max(high, low * 1.01), _HISTOGRAM_BINS + 1)
    edges[0], edges[-1] = low, max(high, edges[-1])  # geomspace rounds its ends: no value may fall outside
    counts = np.bincount(_places(values, edges), minlength=_HISTOGRAM_BINS)
    return pd.DataFrame({"low_ms": edges[:-1], "high_ms": edges[1:], "n": counts})


def _places(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return the bin of each value, between edges at equal distances of their logarithms."""
    bins = len(edges) - 1
    places = np.log(values)
    places -= np.log(edges[0])
    places *= bins / np.log(edges[-1] / edges[0])
    return np.clip(places.astype(np.int32), 0, bins - 1)


def percentile_curve(values: NDArray[np.float64]) -> pd.DataFrame:
    """Return `q`, `inverse` = 1/(1-q) and `ms` up to the last sample that has a quantile of its own, q = 1 - 1/n.

    Values are order statistics (numpy's inverted_cdf), so each is a time that really occurred.
    """
    ordered = np.sort(values)
    halvings = max(np.log2(max(values.size, 2)), 1.0)
    inverse = np.minimum(
        2.0 ** (np.arange(int(halvings * _TICKS_PER_HALVING) + 2) / _TICKS_PER_HALVING), values.size
    )
    inverse = np.unique(np.maximum(inverse, 1.0))
    q = 1 - 1 / inverse
    place = np.maximum(np.ceil(values.size * q - 1), 0).astype(np.int64)
    return pd.DataFrame({"q": q, "inverse": inverse, "ms": ordered[place]})


def cloud(x: NDArray[np.float64], y: NDArray[np.float64]) -> pd.DataFrame:
    """Count points of two positive columns in square logarithmic cells: `x_low`, `x_high`, `y_low`, `y_high`, `n`."""
    low, high = float(min(x.min(), y.min())), float(max(x.max(), y.max()))
    edges = np.geomspace(low * 0.999, max(high, low * 1.01) * 1.001, _CLOUD_BINS + 1)
    cells = _places(x, edges) * _CLOUD_BINS + _places(y, edges)
    counts = np.bincount(cells, minlength=_CLOUD_BINS**2).reshape(_CLOUD_BINS, _CLOUD_BINS)
    column, row = np.nonzero(counts)
    return pd.DataFrame(
        {
            "x_low": edges[column],
            "x_high": edges[column + 1],
            "y_low": edges[row],
            "y_high": edges[row + 1],
            "n": counts[column, row],
        }
    )

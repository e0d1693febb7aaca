"""A scenario over time in windows: its rates, how much was in flight, what failed, its percentiles."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tailguard.record.samples import ERROR, Samples
from tailguard.report.charts.downsampling import Step

_NS_PER_S = 1e9
_MOST_ROWS = 1_000_000  # a line of 60 points is the same from every 20th request of 20 million
# A line of 12 to 60 points shows a course, if each has a p99 of its own that is better; with 20 samples it has a p95.
_FEWEST, _MOST = 12, 60
_FOR_P95, _FOR_P99 = 20, 140
# A pause this long is not the load's own scatter: another scenario had its turn, or nothing was due.
_PAUSE_S, _PAUSE_GAPS = 2.0, 50
# A quantile is shown of a window in which a sample lies beyond it.
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows between `begin_s` and `end_s`, s from the scenario's first intended start, in order.

    `stretch` numbers the stretches between which nothing was due: no line bridges them.
    """

    begin_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    stretch: NDArray[np.int64]

    @property
    def frame(self) -> pd.DataFrame:
        """The middle of each window, `at_s`, and its `stretch`."""
        return pd.DataFrame({"at_s": (self.begin_s + self.end_s) / 2, "stretch": self.stretch})

    @property
    def width_s(self) -> NDArray[np.float64]:
        return self.end_s - self.begin_s

    def counts(self, at_s: NDArray[np.float64]) -> NDArray[np.int64]:
        """Count instants in each window."""
        edges = np.unique(np.concatenate([self.begin_s, self.end_s]))
        found: NDArray[np.int64] = np.histogram(at_s, edges)[0][np.searchsorted(edges, self.begin_s)]
        return found


@dataclass(frozen=True, slots=True)
class Load:
    """Samples in order of the intended start, or every `step`-th of them, and their windows."""

    samples: Samples
    step: int
    windows: Windows

    def at_s(self, instants_ns: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return instants in s from the first intended start."""
        return np.asarray((instants_ns - self.samples.intended_ns[:1]) / _NS_PER_S)

    @property
    def rates(self) -> pd.DataFrame:
        """`at_s`, `stretch`, `offered` and `achieved` of each window: requests due and requests ended per second."""
        found = self.windows.frame
        for name, instants_ns in (
            ("offered", self.samples.intended_ns),
            ("achieved", self.samples.ended_ns),
        ):
            found[name] = self.windows.counts(self.at_s(instants_ns)) * self.step / self.windows.width_s
        return found

    @property
    def in_flight(self) -> pd.DataFrame:
        """`at_s`, `stretch` and `requests`, the mean number that had started and not ended in each window."""
        instants = [self.at_s(each) for each in (self.samples.started_ns, self.samples.ended_ns)]
        edges = (self.windows.begin_s, self.windows.end_s)
        before, after = (_time_since(instants[0], each) - _time_since(instants[1], each) for each in edges)
        mean = np.maximum(after - before, 0) * self.step / self.windows.width_s
        return self.windows.frame.assign(requests=mean)


def load_of(samples: Samples) -> Load:
    """Cut the time in which something was due into windows of about equal length; `samples` are in order."""
    rows, step = len(samples), max(1, len(samples) // _MOST_ROWS)
    while math.gcd(step, len(samples.steps) or 1) > 1:  # else it would be the same step of each iteration
        step += 1
    if step > 1:
        names = ("intended_ns", "started_ns", "ended_ns", "step", "outcome", "error", "retries")
        samples = replace(samples, **{name: getattr(samples, name)[::step] for name in names})
    due_s = np.asarray((samples.intended_ns - samples.intended_ns[:1]) / _NS_PER_S)
    return Load(samples, step, _windows(due_s, rows))


def _windows(due_s: NDArray[np.float64], rows: int) -> Windows:
    gaps = np.diff(due_s)
    if not gaps.any():
        return Windows(np.zeros(0), np.zeros(0), np.zeros(0, np.int64))
    pause_s = max(_PAUSE_S, _PAUSE_GAPS * float(np.median(gaps)))
    cuts = [0, *(np.flatnonzero(gaps > pause_s) + 1).tolist(), due_s.size]
    stretches = [(float(due_s[first]), float(due_s[end - 1])) for first, end in pairwise(cuts)]
    stretches = [(begin, end) for begin, end in stretches if end > begin]
    count = min(_MOST, max(rows // _FOR_P99, min(_FEWEST, rows // _FOR_P95)))
    width = sum(end - begin for begin, end in stretches) / max(1, count)
    edges = [np.linspace(begin, end, max(1, round((end - begin) / width)) + 1) for begin, end in stretches]
    return Windows(
        np.concatenate([each[:-1] for each in edges]),
        np.concatenate([each[1:] for each in edges]),
        np.concatenate([np.full(each.size - 1, place) for place, each in enumerate(edges)]),
    )


def failures(samples: Samples, windows: Windows, kinds: Sequence[str]) -> pd.DataFrame:
    """Return a row per window and kind of error that was due in it: `begin_s`, `end_s`, `kind`, `n`.

    `below` counts those of the kinds before. All kinds beyond `kinds` are `other errors`.
    """
    failed = samples.outcome == ERROR
    names = np.array([kind if kind in kinds else "other errors" for kind in samples.errors], dtype=object)
    of_failed = names[samples.error[failed]]
    due_s = (samples.intended_ns[failed] - samples.intended_ns[:1]) / _NS_PER_S
    below = np.zeros(windows.begin_s.size, np.int64)
    rows = []
    for kind in dict.fromkeys(of_failed.tolist()):
        counts = windows.counts(due_s[of_failed == kind])
        edges = {"begin_s": windows.begin_s, "end_s": windows.end_s}
        rows.append(pd.DataFrame({**edges, "kind": kind, "n": counts, "below": below}))
        below = below + counts
    found = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame({"n": []})
    return found[found["n"] > 0]


def quantiles_over_time(step: Step, windows: Windows) -> pd.DataFrame:
    """Return a row per window and quantile that a sample lies beyond: `at_s`, `stretch`, `quantile`, `ms`."""
    edges = [np.searchsorted(step.at_s, each) for each in (windows.begin_s, windows.end_s)]
    rows = []
    for place, (first, end) in enumerate(zip(*edges, strict=True)):
        values = step.response_ms[first:end]
        for name, q in QUANTILES.items():
            rank = int(np.ceil(q * values.size)) - 1
            if 0 <= rank < values.size - 1:
                rows.append((place, name, float(np.partition(values, rank)[rank])))
    found = pd.DataFrame(rows, columns=["place", "quantile", "ms"])
    return found.join(windows.frame, on="place")


def _time_since(at_s: NDArray[np.float64], edges_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return, for each edge, the sum of the time from each earlier instant to it."""
    place = np.searchsorted(edges_s, at_s, side="right")  # an instant counts from the next edge on
    n = np.cumsum(np.bincount(place, minlength=edges_s.size + 1))[: edges_s.size]
    total = np.cumsum(np.bincount(place, weights=at_s, minlength=edges_s.size + 1))[: edges_s.size]
    return np.asarray(edges_s * n - total)

"""Whether a series gets slower now: an e-detector on ranks, whose false alarms are bounded by construction.

Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric framework for sequential change detection", 2023: the sum of an
e-process for each possible beginning (Shiryaev and Roberts) reaches c within n runs in at most a share n / c of cases.
The e-process of a beginning bets on where each later run falls among the runs before it. As long as all come from one
distribution, whatever it is, a run falls into each gap between them with the odds of Polya's urn, known exactly.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

NIGHTS = 1000  # at most one false alarm is expected in this many runs of all series together
REFERENCE, LEAST_REFERENCE = 60, 20  # runs before a beginning that later runs are held against
LONGEST = 40  # runs after a beginning that still count for it
GAPS = (1, 2, 3, 6, 12)  # gaps in each bin, from the slowest run down; the last bin has the rest
SHIFTS = (1.5, 2.5, 3.5)  # changes that are bet on, in standard deviations of a run

_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Alarm:
    """A slowdown: the run, counted from 0, at which it most likely `began`, and the one that `raised` the alarm."""

    began: int
    raised: int


def alarms(values: _Floats, *, series: int) -> tuple[Alarm, ...]:
    """Return the slowdowns of one series, oldest first; after an alarm the series begins anew.

    `series` are watched together. Runs must be in order of time, and a larger value must be worse.
    """
    untied = values * (
        1 + 1e-9 * np.random.default_rng(0).random(len(values))
    )  # equal runs are ranked at random
    return tuple(_alarms(untied, NIGHTS * series))


def _alarms(values: _Floats, limit: float) -> Iterator[Alarm]:
    fresh = 0
    while len(values) - fresh > LEAST_REFERENCE:
        evidence = evidence_of(values[fresh:])
        reached = np.flatnonzero(evidence.sum(axis=0) >= limit)
        if not reached.size:
            return
        raised = int(reached[0])
        began = raised - int(evidence[:, raised].argmax())
        yield Alarm(fresh + began, fresh + raised)
        fresh += raised + 1


def evidence_of(values: _Floats) -> _Floats:
    """Return the e-processes by run: row `k` of column `t` is that of the beginning `k` runs before run `t`."""
    runs = len(values)
    found = np.zeros((LONGEST, runs))
    padded = np.concatenate([values, np.full(LONGEST - 1, np.inf)])
    after = np.lib.stride_tricks.sliding_window_view(padded, LONGEST)
    short = range(LEAST_REFERENCE, min(REFERENCE, runs))
    parts = [(each, values[None, :each], after[None, each]) for each in short]
    if runs > REFERENCE:
        before = np.lib.stride_tricks.sliding_window_view(values, REFERENCE)[:-1]
        parts.append((REFERENCE, before, after[REFERENCE:]))
    for first, reference, later in parts:
        e_processes = _e_processes(reference, later)
        for k in range(LONGEST):
            here = found[k, first + k : first + k + len(later)]
            here += e_processes[: len(here), k]
    return found


def _e_processes(reference: _Floats, after: _Floats) -> _Floats:
    """Return the e-process of each beginning (rows) at each run after it (columns)."""
    runs = reference.shape[1]
    gaps = _gaps(runs)
    bounds = np.sort(reference, axis=1)[:, runs - np.cumsum(gaps[:-1])]
    bins = (after[:, :, None] < bounds[:, None, :]).sum(axis=2)  # 0: slower than all but the first bin's gaps
    fell = bins[:, :, None] == np.arange(len(gaps))
    fell_before = np.cumsum(fell, axis=1) - fell
    odds = ((gaps + fell_before) * fell).sum(axis=2) / (runs + 1 + np.arange(after.shape[1]))
    paths = [np.cumprod(bet[bins] / odds, axis=1) for bet in _bets(gaps)]
    return np.asarray(np.mean(paths, axis=0))


def _gaps(runs: int) -> NDArray[np.int64]:
    """Return how many of the `runs + 1` gaps each bin has, from the slowest bin down."""
    first = [gaps for gaps, taken in zip(GAPS, np.cumsum(GAPS), strict=True) if taken <= runs]
    return np.array([*first, runs + 1 - sum(first)])


def _bets(gaps: NDArray[np.int64]) -> Iterator[_Floats]:
    """Yield, for each shift, the shares of normal runs shifted so much that fall into each bin."""
    below = 1 - np.cumsum(gaps)[:-1] / gaps.sum()
    for shift in SHIFTS:
        yield np.diff(np.concatenate([[0.0], ndtr(shift - ndtri(below)), [1.0]]))

"""Whether a series gets slower now: an e-detector on ranks, whose false alarms are bounded by construction.

Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric framework for sequential change detection", 2023: the sum of an
e-process for each possible beginning (Shiryaev and Roberts) reaches c within n runs in at most a share n / c of cases.
The e-process of a beginning bets on where each later run falls among the runs before it. As long as all come from one
distribution, whatever it is, a run falls into each gap between them with the odds of Polya's urn, known exactly.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

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
    before = np.concatenate([np.full(REFERENCE, -np.inf), values])
    after = np.concatenate([values, np.full(LONGEST - 1, np.inf)])
    # Runs are rows, so that sums over them go through memory as it lies.
    later = np.ascontiguousarray(_windows(after, LONGEST)[LEAST_REFERENCE:].T)
    e_processes = _e_processes(_windows(before, REFERENCE)[LEAST_REFERENCE:runs], later)
    found = np.zeros((LONGEST, runs))
    for k in range(min(LONGEST, runs - LEAST_REFERENCE)):
        found[k, LEAST_REFERENCE + k :] = e_processes[k, : runs - LEAST_REFERENCE - k]
    return found


def _windows(values: _Floats, length: int) -> _Floats:
    return np.lib.stride_tricks.sliding_window_view(values, length)


def _e_processes(reference: _Floats, later: _Floats) -> _Floats:
    """Return the e-process of each beginning (columns) at each run after it (rows).

    `reference` has a row per beginning, the first one's of the least size, with nothing (-inf) before the first run.
    """
    sizes = np.minimum(np.arange(len(reference)) + LEAST_REFERENCE, REFERENCE)
    gaps, bets = _tables(LEAST_REFERENCE, REFERENCE, GAPS)
    bounds = np.sort(reference, axis=1)[:, REFERENCE - np.cumsum(GAPS)]
    bins = np.zeros(later.shape, np.int16)  # 0: slower than all but the first bin's gaps
    for bound in bounds.T:
        bins += later < bound
    odds = np.zeros(later.shape)
    for each in range(gaps.shape[1]):
        fell = bins == each
        odds += (fell.cumsum(axis=0, dtype=np.int16) - fell + gaps[sizes, each]) * fell
    odds /= sizes + 1 + np.arange(LONGEST)[:, None]
    bins += (sizes * gaps.shape[1]).astype(np.int16)  # now the place in a table of bets
    paths = (np.cumprod(bet.ravel()[bins] / odds, axis=0) for bet in bets)
    return np.asarray(sum(paths) / len(SHIFTS))


@cache
def _tables(least: int, most: int, bins: tuple[int, ...]) -> tuple[NDArray[np.int16], tuple[_Floats, ...]]:
    """Return by size of the reference how many gaps each bin has, from the slowest down; and likewise, for each shift,
    the shares of normal runs shifted so much that fall into each bin.
    """
    gaps = np.zeros((most + 1, len(bins) + 1), np.int16)
    bets, normal = tuple(np.zeros(gaps.shape) for _ in SHIFTS), NormalDist()
    for size in range(least, most + 1):
        first = [each for each, taken in zip(bins, np.cumsum(bins), strict=True) if taken <= size]
        own = np.array([*first, size + 1 - sum(first)])
        below = [normal.inv_cdf(1 - taken / (size + 1)) for taken in np.cumsum(own)[:-1]]
        gaps[size, : len(own)] = own
        for bet, shift in zip(bets, SHIFTS, strict=True):
            bet[size, : len(own)] = np.diff([0.0, *(normal.cdf(shift - each) for each in below), 1.0])
    return gaps, bets

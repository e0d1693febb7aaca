"""What a history says: its series of comparable runs, where each changed, and which gets slower now."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tailguard.compare.history import CONDITIONS, codes_of, words_of
from tailguard.compare.series.alarm import Alarm, alarms
from tailguard.compare.series.change_points import ChangePoint, change_points
from tailguard.record.samples.arrow import values

# The mean of this many series shows the machine's effect; with fewer, a change would be subtracted from itself.
ENOUGH_FOR_MEAN = 30
ALL = "all series together"
ABOUT = ("run", "commit", "created_utc")  # texts of a run that its points tell
NAMES = ("scenario", "step", "name")  # make the name of a metric


@dataclass(frozen=True, slots=True)
class Points:
    """The runs of a series, oldest first: their names, and one number a run in each column, NaN if there is none."""

    run: tuple[str, ...]
    commit: tuple[str, ...]
    created_utc: tuple[str, ...]
    unit: str
    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    limit: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.run)


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of comparable runs.

    `kind`, `machine` and `config_sha256` are what its runs have in common; a `watched` one is looked at for slowdowns.
    """

    metric: str
    kind: str
    machine: str
    config_sha256: str
    points: Points
    watched: bool = False
    changes: tuple[ChangePoint, ...] = ()
    alarms: tuple[Alarm, ...] = ()


def series_of(table: pa.Table) -> tuple[Series, ...]:
    """Return the series of a history, throughput left out. Latencies are looked at for changes and slowdowns.

    Of each kind, machine and configuration with at least 30 complete series, the mean of all in a run is taken off
    before a slowdown is looked for, and watched as one more series: a machine that drifts shows there alone.
    """
    groups = [(own, _watched(own)) for own in _groups(table)]
    count = sum(len(watched) for _, watched in groups)
    return tuple(each for own, watched in groups for each in _found(own, watched, count))


def _groups(table: pa.Table) -> list[list[Series]]:
    """Return the series of each kind, machine and configuration, all in the order of their first rows."""
    words = {name: words_of(table, name) for name in (*ABOUT, *CONDITIONS, *NAMES, "unit")}
    columns = {name: values(table[name].combine_chunks()) for name in ("value", "low", "high", "limit")}
    found: dict[int, list[Series]] = {}
    conditions = codes_of(table, CONDITIONS)
    for rows in _parts(codes_of(table, (*CONDITIONS, *NAMES))):
        first = {name: str(own[places[rows[0]]]) for name, (own, places) in words.items()}
        if first["name"] == "throughput":
            continue
        run, commit, created_utc = (tuple(words[name][0][words[name][1][rows]]) for name in ABOUT)
        numbers = {name: column[rows] for name, column in columns.items()}
        series = Series(
            " ".join(first[name] for name in NAMES if first[name]).replace("error_rate", "error rate"),
            first["kind"],
            first["machine"],
            first["config_sha256"],
            Points(run, commit, created_utc, first["unit"], **numbers),
        )
        found.setdefault(int(conditions[rows[0]]), []).append(series)
    return list(found.values())


def _parts(codes: NDArray[np.int64]) -> list[NDArray[np.intp]]:
    """Return the rows of each code, in the order of their first rows."""
    order = np.argsort(codes, kind="stable")
    edges = [0, *(np.flatnonzero(np.diff(codes[order])) + 1).tolist(), len(order)]
    parts = [order[begin:end] for begin, end in pairwise(edges) if begin < end]
    return sorted(parts, key=lambda rows: int(rows[0]))


def _found(own: list[Series], watched: dict[str, NDArray[np.float64]], count: int) -> Iterator[Series]:
    if ALL in watched:
        yield _judged(_together(own, watched[ALL]), watched, count)
    for each in own:
        yield _judged(each, watched, count) if each.metric in watched else each


def _judged(series: Series, watched: dict[str, NDArray[np.float64]], count: int) -> Series:
    slower = alarms(np.exp(watched[series.metric]), series=count)
    return replace(series, watched=True, changes=change_points(series.points.value), alarms=slower)


def _together(own: list[Series], mean: NDArray[np.float64]) -> Series:
    whole = next(each for each in own if len(each.points) == len(mean))
    unknown = np.full(len(mean), np.nan)
    points = replace(whole.points, value=np.exp(mean), low=unknown, high=unknown, limit=unknown)
    return replace(whole, metric=ALL, points=points)


def _watched(own: list[Series]) -> dict[str, NDArray[np.float64]]:
    """Return the logarithms of each latency that is watched for a slowdown, by metric; a time of 0 has none."""
    logs = {
        each.metric: np.log(each.points.value)
        for each in own
        if each.points.unit == "ms" and each.points.value.min() > 0
    }
    runs = len({run for each in own for run in each.points.run})
    whole = [name for name, each in logs.items() if len(each) == runs]
    if len(whole) < ENOUGH_FOR_MEAN:
        return logs
    mean = np.mean([logs[name] for name in whole], axis=0)
    return logs | {name: logs[name] - mean for name in whole} | {ALL: mean}

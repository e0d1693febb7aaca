"""What a history says: its series of comparable runs, where each changed, and which gets slower now."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tailguard.compare.history import CONDITIONS
from tailguard.compare.series.alarm import Alarm, alarms
from tailguard.compare.series.change_points import ChangePoint, change_points

# The mean of this many series shows the machine's effect; with fewer, a change would be subtracted from itself.
ENOUGH_FOR_MEAN = 30
ALL = "all series together"


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of comparable runs, its `rows` (as in history.parquet) oldest first.

    `kind`, `machine` and `config_sha256` are what its runs have in common; a `watched` one is looked at for slowdowns.
    """

    metric: str
    kind: str
    machine: str
    config_sha256: str
    rows: pd.DataFrame
    watched: bool = False
    changes: tuple[ChangePoint, ...] = ()
    alarms: tuple[Alarm, ...] = ()

    @property
    def values(self) -> NDArray[np.float64]:
        """One number a run, in the unit of the rows."""
        return self.rows["value"].to_numpy(dtype=np.float64)


def series_of(table: pd.DataFrame) -> tuple[Series, ...]:
    """Return the series of a history, throughput left out. Latencies are looked at for changes and slowdowns.

    Of each kind, machine and configuration with at least 30 complete series, the mean of all in a run is taken off
    before a slowdown is looked for, and watched as one more series: a machine that drifts shows there alone.
    """
    told = table[table["name"] != "throughput"]
    told = told.assign(
        metric=(told["scenario"] + " " + told["step"] + " " + told["name"]).str.replace("  ", " ")
    )
    groups = [(rows, _watched(rows)) for _, rows in told.groupby(CONDITIONS, sort=False)]
    count = sum(len(watched) for _, watched in groups)
    return tuple(each for rows, watched in groups for each in _series_of_group(rows, watched, count))


def _series_of_group(
    rows: pd.DataFrame, watched: dict[str, NDArray[np.float64]], count: int
) -> Iterator[Series]:
    by_metric = {str(name): own for name, own in rows.groupby("metric", sort=False)}
    if ALL in watched:
        unknown = dict.fromkeys(("low", "high", "limit"), np.nan)
        whole = next(own for own in by_metric.values() if len(own) == len(watched[ALL]))
        by_metric[ALL] = whole.assign(metric=ALL, value=np.exp(watched[ALL]), **unknown)
    for metric, own in by_metric.items():
        about = own.iloc[0]
        series = Series(metric, about["kind"], about["machine"], about["config_sha256"], own)
        if metric in watched:
            slower = alarms(np.exp(watched[metric]), series=count)
            series = replace(series, watched=True, changes=change_points(series.values), alarms=slower)
        yield series


def _watched(rows: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    """Return the logarithms of each latency that is watched for a slowdown, by metric; a time of 0 has none."""
    latencies = rows[rows["unit"] == "ms"].groupby("metric")["value"]
    logs = {str(name): np.log(own.to_numpy(np.float64)) for name, own in latencies if own.min() > 0}
    runs = rows["run"].nunique()
    whole = [name for name, own in logs.items() if len(own) == runs]
    if len(whole) < ENOUGH_FOR_MEAN:
        return logs
    mean = np.mean([logs[name] for name in whole], axis=0)
    return logs | {name: logs[name] - mean for name in whole} | {ALL: mean}

"""A history in words: a line for each series, and each change or slowdown with its commits."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tailguard.base.text_format import duration_ms, ratio, signed_percent, significant
from tailguard.compare.series.alarm import NIGHTS
from tailguard.compare.series.findings import ALL, Points, Series

_BARS = "▁▂▃▄▅▆▇█"
_SHOWN = 20  # newest runs in a sparkline


@dataclass(frozen=True, slots=True)
class SeriesLine:
    """One metric over its runs, as texts; `change` is the newest against the median of those before."""

    metric: str
    runs: str
    newest: str
    change: str
    spark: str


def groups_of(series: tuple[Series, ...]) -> list[tuple[str, list[Series]]]:
    """Return series that were measured alike under one heading, those with the newest run first."""
    ordered = sorted(series, key=lambda each: (_newest(each), _heading(each)), reverse=True)
    found: dict[str, list[Series]] = {}
    for each in ordered:
        found.setdefault(_heading(each), []).append(each)
    return list(found.items())


def line_of(series: Series) -> SeriesLine:
    """Return the series as texts for a table."""
    values = series.points.value
    before = float(np.median(values[:-1])) if len(values) > 1 else 0.0
    change = signed_percent(values[-1] / before - 1) if before else ""
    newest = "" if series.metric == ALL else shown(float(values[-1]), series.points.unit)
    return SeriesLine(series.metric, str(len(values)), newest, change, spark(values[-_SHOWN:].tolist()))


def spark(values: list[float]) -> str:
    """Return the values as bars between the lowest and the highest."""
    low, high = min(values), max(values)
    span = high - low or 1.0
    return "".join(_BARS[round((value - low) / span * (len(_BARS) - 1))] for value in values)


def shown(value: float, unit: str) -> str:
    """Return a number with its unit."""
    return duration_ms(value) if unit == "ms" else ratio(value) if unit == "ratio" else significant(value)


def changes_of(series: Series) -> Iterator[str]:
    """Yield a sentence for each change and each slowdown of a series, changes first."""
    for each in series.changes:
        yield (
            f"{series.metric}: {signed_percent(each.ratio - 1)} [{signed_percent(each.low - 1)},"
            f" {signed_percent(each.high - 1)}] {_between(series, each.at)}"
        )
    for alarm in series.alarms:
        whose = "look at the machine first: all series" if series.metric == ALL else series.metric
        yield f"{whose}: slower {_between(series, alarm.began)}; sure since run {run_at(series.points, alarm.raised)}"


def rate_of(series: tuple[Series, ...]) -> str:
    """Return how often a change or a slowdown may be false."""
    watched = sum(each.watched for each in series)
    return (
        f"{watched} latencies are watched for a slowdown: at most one false alarm is expected in {NIGHTS:,} runs of all"
        " of them. A change point may be false in 1 of 10 quiet histories of 60 runs. Neither is a verdict."
    )


def _between(series: Series, at: int) -> str:
    return f"between run {run_at(series.points, at - 1)} and run {run_at(series.points, at)}"


def run_at(points: Points, at: int) -> str:
    """Return a run's name with its commit and its time."""
    return f"{points.run[at]} (commit {points.commit[at][:10] or 'unknown'}, {points.created_utc[at]})"


def _heading(series: Series) -> str:
    return f"{series.kind}; {series.machine}; configuration {series.config_sha256[:8] or 'unknown'}"


def _newest(series: Series) -> str:
    return series.points.created_utc[-1]

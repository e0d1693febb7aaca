"""The chart of a series as the points of an SVG: it needs no script, also for a hundred series of a thousand runs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailguard.compare.series.findings import Points, Series
from tailguard.report.views.history_view import run_at, shown

WIDTH, HEIGHT, MARGIN = 560, 130, 6
MOST_DRAWN = 400  # newest runs on a chart
MOST_TOLD = 30  # newest runs whose points tell their run, commit and value


@dataclass(frozen=True, slots=True)
class Point:
    """A run's place on the chart, what it tells, and its id."""

    x: float
    y: float
    told: str
    run: str


@dataclass(frozen=True, slots=True)
class HistoryChart:
    """Points as SVG writes them; `band` and `limit` are empty where no run has an interval or a limit.

    `changes` and `alarms` are places on the x axis, `lowest` and `highest` the values of runs.
    """

    line: str
    band: str
    limit: str
    points: tuple[Point, ...]
    changes: tuple[float, ...]
    alarms: tuple[float, ...]
    lowest: str
    highest: str


def chart_of(series: Series) -> HistoryChart:
    """Return the chart of a series, one step to the right a run, of the newest 400; limits are always inside."""
    points = series.points
    first = max(len(points) - MOST_DRAWN, 0)
    values, low, high, limits = (
        each[first:] for each in (points.value, points.low, points.high, points.limit)
    )
    all_of_them = np.concatenate([values, low, high, limits])
    bottom, top = float(np.nanmin(all_of_them)), float(np.nanmax(all_of_them))
    x = MARGIN + np.arange(len(values)) / max(len(values) - 1, 1) * (WIDTH - 2 * MARGIN)

    def y(data: NDArray[np.float64]) -> NDArray[np.float64]:
        return HEIGHT - MARGIN - (data - bottom) / ((top - bottom) or 1.0) * (HEIGHT - 2 * MARGIN)

    height = y(values)
    known = ~np.isnan(low) & ~np.isnan(high)
    limited = ~np.isnan(limits)
    return HistoryChart(
        line=_path(x, height),
        band=_path(np.r_[x[known], x[known][::-1]], np.r_[y(low[known]), y(high[known])[::-1]]),
        limit=_path(x[limited], y(limits[limited])),
        points=tuple(
            Point(round(float(x[at]), 1), round(float(height[at]), 1), _told(points, first + at), run)
            for at, run in [*enumerate(points.run[first:])][-MOST_TOLD:]
        ),
        changes=tuple(float(x[each.at - first]) for each in series.changes if each.at >= first),
        alarms=tuple(float(x[each.began - first]) for each in series.alarms if each.began >= first),
        lowest=shown(float(values.min()), points.unit),
        highest=shown(float(values.max()), points.unit),
    )


def _path(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    return " ".join(f"{a:.0f},{b:.0f}" for a, b in zip(x, y, strict=True))


def _told(points: Points, at: int) -> str:
    return f"{run_at(points, at)}: {shown(float(points.value[at]), points.unit)}"

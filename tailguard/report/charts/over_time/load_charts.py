"""A scenario's load over time: requests per second, in flight, errors by kind; and the percentiles of a step.

All share one time axis, that of the scenario's latencies, so that they can be read one below the other.
"""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from tailguard.record.samples import Samples
from tailguard.record.scenario import ScenarioEntry
from tailguard.report.charts.downsampling import Step
from tailguard.report.charts.fault_bands import Band, band_layers
from tailguard.report.charts.limit_marks import limit_rules
from tailguard.report.charts.over_time.windows import (
    QUANTILES,
    Load,
    Windows,
    failures,
    quantiles_over_time,
)
from tailguard.report.charts.style import (
    FAILED,
    LIMIT,
    RESPONSE,
    SERVICE,
    SIDE,
    SIDE_PX,
    Figure,
    Limit,
    choice,
    compact,
    ends_of,
    log_scale,
    styled,
    time_axis,
    tip,
)
from tailguard.report.views import numbers

_LOW_PX, _QUANTILES_PX = 96, 180  # of a chart that is read beside its neighbours
_MOST_KINDS = 4  # of errors that have a colour of their own
_COLOURS = (FAILED, LIMIT, "var(--inconclusive)", SERVICE, "var(--muted)")


def load_figures(
    samples: Samples, entry: ScenarioEntry, load: Load, bands: Sequence[Band]
) -> tuple[Figure, ...]:
    """Return the pictures of a scenario's load, of `samples` in order; none if it was too short for windows."""
    windows = load.windows
    if windows.begin_s.size < 2:  # noqa: PLR2004  # a line has two ends
        return ()
    end_s = float(windows.end_s[-1])  # the last intended start
    failed = failures(samples, windows, list(entry.errors)[:_MOST_KINDS])
    figures = [_rates(load, entry, bands, end_s), _in_flight(load, bands, end_s)]
    if len(failed):
        figures.append(_errors(failed, bands, end_s))
    return tuple(figures)


def percentiles_figure(
    step: Step, windows: Windows, limits: Sequence[Limit], bands: Sequence[Band]
) -> Figure:
    """Return p50, p95 and p99 of a step's response times in windows."""
    rows = quantiles_over_time(step, windows)
    title = "Percentiles over time"
    if rows.empty:
        return Figure(title, "Too few samples in each window for a percentile of it.", None)
    ends = ends_of(rows["ms"], limits)
    y = alt.Y("ms:Q", title="response time, ms (log)", scale=log_scale(ends), axis=SIDE)
    colours, dashes = [SERVICE, RESPONSE, "var(--ink)"], [[1, 0], [6, 3], [2, 2]]
    lines = _lines(rows, step.end_s).encode(
        y,
        color=choice("quantile:N", list(QUANTILES), colours),
        strokeDash=choice("quantile:N", list(QUANTILES), dashes),
        tooltip=[alt.Tooltip("quantile:N"), tip("at_s", "at, s"), tip("ms", "ms")],
    )
    caption = (
        f"Response times in {numbers.plural(windows.begin_s.size, 'window')} of equal length; a percentile is left"
        " out of a window in which no sample lies beyond it."
    )
    layers = [*band_layers(bands), lines, *limit_rules(limits, ends, _QUANTILES_PX)]
    return Figure(title, caption, styled(alt.layer(*layers), _QUANTILES_PX), wide=True)


def _rates(load: Load, entry: ScenarioEntry, bands: Sequence[Band], end_s: float) -> Figure:
    kinds = ["achieved"] if entry.offered_rate_per_s is None else ["offered", "achieved"]
    rows = load.rates.melt(["at_s", "stretch"], kinds, "kind", "per_s")
    lines = _lines(rows, end_s).encode(
        alt.Y("per_s:Q", title="requests/s", axis=SIDE),
        color=choice("kind:N", ["offered", "achieved"], ["var(--muted)", RESPONSE]),
        strokeDash=choice("kind:N", ["offered", "achieved"], [[5, 3], [1, 0]]),
        tooltip=[alt.Tooltip("kind:N"), tip("at_s", "at, s"), tip("per_s", "per second")],
    )
    caption = "Achieved: requests that ended. " + (
        "Clients start when they are ready: nothing is offered."
        if entry.offered_rate_per_s is None
        else "Offered: requests that were due. Where achieved stays below, requests waited."
    )
    return _low("Requests per second", caption, lines, bands)


def _in_flight(load: Load, bands: Sequence[Band], end_s: float) -> Figure:
    line = _lines(load.in_flight, end_s, color=RESPONSE).encode(
        alt.Y("requests:Q", title="in flight", axis=SIDE),
        tooltip=[tip("at_s", "at, s"), tip("requests", "in flight")],
    )
    return _low(
        "Requests in flight", "Requests that had started and not ended, the mean of each window.", line, bands
    )


def _errors(rows: pd.DataFrame, bands: Sequence[Band], end_s: float) -> Figure:
    kinds = list(dict.fromkeys(rows["kind"]))
    most = int((rows["below"] + rows["n"]).max())
    whole = alt.Axis(minExtent=SIDE_PX, maxExtent=SIDE_PX, values=[*range(0, most + 1, -(-most // 4))])
    bars = (
        alt.Chart(compact(rows.assign(top=rows["below"] + rows["n"])))
        .mark_rect(stroke="var(--paper)", strokeWidth=0.5)
        .encode(
            alt.X("begin_s:Q", **time_axis(end_s, title=None)),
            alt.X2("end_s:Q"),
            alt.Y("below:Q", title="errors", axis=whole),
            alt.Y2("top:Q"),
            color=choice("kind:N", kinds, _COLOURS[: len(kinds)]),
            tooltip=[alt.Tooltip("kind:N"), tip("begin_s", "from, s"), alt.Tooltip("n:Q")],
        )
    )
    return _low("Errors by kind", "Failed requests of each window, by when they were due.", bars, bands)


def _low(title: str, caption: str, marks: alt.Chart, bands: Sequence[Band]) -> Figure:
    chart = alt.layer(*band_layers(bands), marks)
    return Figure(title, caption, styled(chart, _LOW_PX), wide=True)


def _lines(rows: pd.DataFrame, end_s: float, **mark: Any) -> alt.Chart:
    """Return lines that bridge no pause; with dots if a stretch has one window alone, which is no line."""
    alone = bool((rows.groupby("stretch")["at_s"].nunique() == 1).any())
    dots: dict[str, Any] = {"point": {"size": 14, "filled": True}} if alone else {}
    chart = alt.Chart(compact(rows)).mark_line(strokeWidth=1.6, **dots, **mark)
    placed: alt.Chart = chart.encode(
        alt.X("at_s:Q", **time_axis(end_s, title=None)), detail=alt.Detail("stretch:N")
    )
    return placed

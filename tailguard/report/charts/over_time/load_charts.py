"""A scenario's load over time: requests per second, in flight, errors by kind; and the percentiles of a step.

All share one time axis, that of the scenario's latencies, so that they can be read one below the other.
"""

from collections.abc import Sequence

import pandas as pd

from tailguard.record.samples import Samples
from tailguard.record.scenario import ScenarioEntry
from tailguard.report.charts.downsampling import Step
from tailguard.report.charts.limit_marks import limit_rules
from tailguard.report.charts.over_time.fault_bands import Band, band_layers
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
    ends_of,
    log_scale,
    styled,
    time_axis,
)
from tailguard.report.charts.vega_lite import Axis, Encoding, Layer, Mark, number, rows_of, tip, word
from tailguard.report.views import numbers

_LOW_PX, _QUANTILES_PX = 96, 180  # of a chart that is read beside its neighbours
_LINE: Mark = {"type": "line", "strokeWidth": 1.6}
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
    colours, dashes = [SERVICE, RESPONSE, "var(--ink)"], [[1, 0], [6, 3], [2, 2]]
    lines = _lines(
        rows,
        step.end_s,
        {
            "y": {
                **number("ms"),
                "title": "response time, ms (log)",
                "scale": log_scale(ends),
                "axis": SIDE,
            },
            "color": choice("quantile", list(QUANTILES), colours),
            "strokeDash": choice("quantile", list(QUANTILES), dashes),
            "tooltip": [word("quantile"), tip("at_s", "at, s"), tip("ms", "ms")],
        },
    )
    caption = (
        f"Response times in {numbers.plural(windows.begin_s.size, 'window')} of equal length; a percentile is left"
        " out of a window in which no sample lies beyond it."
    )
    layers = [*band_layers(bands), lines, *limit_rules(limits, ends, _QUANTILES_PX)]
    return Figure(title, caption, styled(layers, _QUANTILES_PX), wide=True)


def _rates(load: Load, entry: ScenarioEntry, bands: Sequence[Band], end_s: float) -> Figure:
    kinds = ["achieved"] if entry.offered_rate_per_s is None else ["offered", "achieved"]
    rows = load.rates.melt(["at_s", "stretch"], kinds, "kind", "per_s")
    both = ["offered", "achieved"]
    lines = _lines(
        rows,
        end_s,
        {
            "y": {**number("per_s"), "title": "requests/s", "axis": SIDE},
            "color": choice("kind", both, ["var(--muted)", RESPONSE]),
            "strokeDash": choice("kind", both, [[5, 3], [1, 0]]),
            "tooltip": [word("kind"), tip("at_s", "at, s"), tip("per_s", "per second")],
        },
    )
    caption = "Achieved: requests that ended. " + (
        "Clients start when they are ready: nothing is offered."
        if entry.offered_rate_per_s is None
        else "Offered: requests that were due. Where achieved stays below, requests waited."
    )
    return _low("Requests per second", caption, lines, bands)


def _in_flight(load: Load, bands: Sequence[Band], end_s: float) -> Figure:
    encoding: Encoding = {
        "y": {**number("requests"), "title": "in flight", "axis": SIDE},
        "tooltip": [tip("at_s", "at, s"), tip("requests", "in flight")],
    }
    line = _lines(load.in_flight, end_s, encoding, {**_LINE, "color": RESPONSE})
    return _low(
        "Requests in flight", "Requests that had started and not ended, the mean of each window.", line, bands
    )


def _errors(rows: pd.DataFrame, bands: Sequence[Band], end_s: float) -> Figure:
    kinds = list(dict.fromkeys(rows["kind"]))
    most = int((rows["below"] + rows["n"]).max())
    whole: Axis = {
        "minExtent": SIDE_PX,
        "maxExtent": SIDE_PX,
        "values": [*range(0, most + 1, -(-most // 4))],
        "format": "d",
    }
    bars = Layer(
        rows_of(rows.assign(top=rows["below"] + rows["n"])),
        {"type": "rect", "stroke": "var(--paper)", "strokeWidth": 0.5},
        {
            "x": time_axis("begin_s", end_s, title=None),
            "x2": {"field": "end_s"},
            "y": {**number("below"), "title": "errors", "axis": whole},
            "y2": {"field": "top"},
            "color": choice("kind", kinds, _COLOURS[: len(kinds)]),
            "tooltip": [word("kind"), tip("begin_s", "from, s"), number("n")],
        },
    )
    return _low("Errors by kind", "Failed requests of each window, by when they were due.", bars, bands)


def _low(title: str, caption: str, marks: Layer, bands: Sequence[Band]) -> Figure:
    return Figure(title, caption, styled([*band_layers(bands), marks], _LOW_PX), wide=True)


def _lines(rows: pd.DataFrame, end_s: float, encoding: Encoding, mark: Mark = _LINE) -> Layer:
    """Return lines that bridge no pause; with dots if a stretch has one window alone, which is no line."""
    if bool((rows.groupby("stretch")["at_s"].nunique() == 1).any()):
        mark = {**mark, "point": {"size": 14, "filled": True}}
    shared: Encoding = {"x": time_axis("at_s", end_s, title=None), "detail": word("stretch")}
    return Layer(rows_of(rows), mark, {**shared, **encoding})

"""The pictures of a step."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tailguard.report.charts.downsampling import (
    Step,
    busy_buckets,
    cloud,
    histogram,
    median_by_bucket,
    percentile_curve,
    slowest_by_bucket,
)
from tailguard.report.charts.limit_marks import limit_points, limit_rules
from tailguard.report.charts.over_time.fault_bands import Band, band_labels, band_layers
from tailguard.report.charts.over_time.load_charts import percentiles_figure
from tailguard.report.charts.over_time.windows import Windows
from tailguard.report.charts.style import (
    FAILED,
    LIMIT,
    RESPONSE,
    SERVICE,
    SIDE,
    Domain,
    Figure,
    Limit,
    choice,
    ends_of,
    log_scale,
    styled,
    time_axis,
)
from tailguard.report.charts.vega_lite import Axis, Channel, Layer, Scale, number, rows_of, tip, word
from tailguard.report.views import numbers

_SAMPLES_A_MEDIAN = 8  # with fewer, the line of medians scatters as much as the points


def figures_of(
    step: Step, limits: Sequence[Limit], buckets: int, windows: Windows, bands: Sequence[Band] = ()
) -> tuple[Figure, ...]:
    """Return the pictures of one step; `buckets` bounds the marks of the one over time, `bands` are its faults."""
    if not step.response_ms.size:
        reason = "No sample of this step succeeded, so there is no latency to draw."
        return (Figure("Latency", reason, None),)
    return (
        _over_time(step, limits, buckets, bands),
        percentiles_figure(step, windows, limits, bands),
        _distribution(step, limits),
        _percentiles(step, limits),
        _service_against_response(step),
    )


def _over_time(step: Step, limits: Sequence[Limit], buckets: int, bands: Sequence[Band]) -> Figure:
    points, drawn = _points(step, limits, busy_buckets(step.at_s, buckets))
    coarse = min(buckets, max(1, step.at_s.size // _SAMPLES_A_MEDIAN))
    medians = median_by_bucket(step.at_s, step.response_ms, busy_buckets(step.at_s, coarse))
    x = time_axis("at_s", step.end_s)
    ends = ends_of(pd.concat([points["ms"], medians["median_ms"]]), limits)
    title = "response time, ms (log)"
    y: Channel = {**number("ms"), "title": title, "scale": log_scale(ends), "axis": SIDE}
    kinds = ["within every limit", "over a limit", "failed"]
    marks = Layer(
        rows_of(points),
        {"type": "point", "filled": True, "size": 22, "opacity": 0.75},
        {
            "x": x,
            "y": y,
            "color": choice("kind", kinds, [RESPONSE, LIMIT, FAILED]),
            "shape": choice("kind", kinds, ["circle", "diamond", "cross"]),
            "tooltip": [tip("at_s", "start, s"), tip("ms", "response, ms"), word("kind")],
        },
    )
    line = Layer(
        rows_of(medians),
        {"type": "line", "color": "var(--ink)", "strokeWidth": 1.5, "opacity": 0.8},
        {
            "x": x,
            "y": number("median_ms"),
            "detail": word("stretch"),
            "tooltip": [tip("median_ms", "median, ms"), number("n")],
        },
    )
    caption = (
        f"{drawn} Line: the median of each time slice. "
        "Response time counts from the intended start. Shift + wheel zooms, a mouse drag moves, double-click resets."
    )
    layers = [*band_layers(bands), marks, line, *limit_rules(limits, ends), *band_labels(bands)]
    return Figure("Latency over time", caption, styled(layers, zoom=True), wide=True)


def _points(step: Step, limits: Sequence[Limit], buckets: int) -> tuple[pd.DataFrame, str]:
    smallest = min((limit.ms for limit in limits), default=float("inf"))
    exceeding = np.flatnonzero(step.response_ms > smallest)
    kept = slowest_by_bucket(step.at_s, step.response_ms, buckets)
    if exceeding.size <= buckets:  # few enough to draw them all
        kept = np.union1d(kept, exceeding)
    failed = slowest_by_bucket(step.failed_at_s, step.failed_ms, buckets)
    over = step.response_ms[kept] > smallest
    good = pd.DataFrame({"at_s": step.at_s[kept], "ms": step.response_ms[kept]})
    good["kind"] = pd.Series(over).map({True: "over a limit", False: "within every limit"})
    bad = pd.DataFrame({"at_s": step.failed_at_s[failed], "ms": step.failed_ms[failed], "kind": "failed"})
    total = step.response_ms.size
    text = (
        f"Points: at least the slowest of each time slice, {numbers.count(kept.size)} of "
        f"{numbers.count(total)} samples and {numbers.count(failed.size)} of {numbers.count(step.failed_ms.size)} "
        f"failures; {numbers.count(int(over.sum()))} of {numbers.count(exceeding.size)} samples over the lowest limit "
        "are drawn."
    )
    return pd.concat([good, bad] if len(bad) else [good], ignore_index=True), text


def _distribution(step: Step, limits: Sequence[Limit]) -> Figure:
    bins = histogram(step.response_ms)
    ends = ends_of(pd.concat([bins["low_ms"], bins["high_ms"]]), limits)
    title = "response time, ms (log)"
    bars = Layer(
        rows_of(bins),
        {"type": "bar", "color": RESPONSE, "stroke": "var(--paper)", "strokeWidth": 0.5},
        {
            "x": {**number("low_ms"), "title": title, "scale": log_scale(ends), "axis": {"grid": False}},
            "x2": {"field": "high_ms"},
            "y": {**number("n"), "title": "samples"},
            "y2": {"datum": 0},
            "tooltip": [
                tip("low_ms", "from, ms"),
                tip("high_ms", "to, ms"),
                {**number("n"), "title": "samples"},
            ],
        },
    )
    caption = f"All {numbers.count(step.response_ms.size)} successful samples in logarithmic bins; dashed: the limits."
    return Figure("Distribution", caption, styled([bars, *limit_rules(limits, ends, upright=True)]))


def _percentiles(step: Step, limits: Sequence[Limit]) -> Figure:
    kinds = {"response": step.response_ms, "service": step.service_ms}
    caption = (
        "A limit (diamond) is met where the response curve passes below it. Where response lies over service, "
        "requests waited before they were started."
    )
    return Figure("Percentiles", caption, styled(percentile_curves(kinds, [RESPONSE, SERVICE], limits)))


def percentile_curves(
    times_ms: Mapping[str, NDArray[np.float64]], colours: Sequence[str], limits: Sequence[Limit] = ()
) -> list[Layer]:
    """Return a curve of each list of times, by its name, with a diamond per limit."""
    curves = pd.concat([percentile_curve(v).assign(time=k) for k, v in times_ms.items()], ignore_index=True)
    x_ends, y_ends = Domain(1.0, max(float(curves["inverse"].max()), 2.0)), ends_of(curves["ms"], limits)
    percent: Axis = {
        "values": [2, 10, 100, 1000, 10_000, 100_000, 1_000_000],
        "labelExpr": "format(100 - 100 / datum.value, '~r') + ' %'",
        "grid": False,
    }
    lines = Layer(
        rows_of(curves),
        {"type": "line", "strokeWidth": 2, "interpolate": "step-after"},
        {
            "x": {**number("inverse"), "title": "percentile", "scale": log_scale(x_ends), "axis": percent},
            "y": {**number("ms"), "title": "time, ms (log)", "scale": log_scale(y_ends)},
            "color": choice("time", list(times_ms), colours),
            "strokeDash": choice("time", list(times_ms), [[1, 0], [5, 3]]),
            "tooltip": [word("time"), tip("q", "quantile"), tip("ms", "ms")],
        },
    )
    return [lines, *limit_points(limits, x_ends, y_ends)]


def _service_against_response(step: Step) -> Figure:
    cells = cloud(step.service_ms, step.response_ms)
    low, high = float(cells["x_low"].min()), float(cells["y_high"].max())
    scale: Scale = {"type": "log", "nice": False, "domain": [min(low, float(cells["y_low"].min())), high]}
    service = "service time, ms (log)"
    rectangles = Layer(
        rows_of(cells),
        {"type": "rect", "color": RESPONSE},
        {
            "x": {**number("x_low"), "title": service, "scale": scale, "axis": {"grid": False}},
            "x2": {"field": "x_high"},
            "y": {**number("y_low"), "title": "response time, ms (log)", "scale": scale},
            "y2": {"field": "y_high"},
            "opacity": {**number("n"), "scale": {"type": "log", "range": [0.3, 1]}, "legend": None},
            "tooltip": [
                tip("x_low", "service from, ms"),
                tip("y_low", "response from, ms"),
                number("n"),
            ],
        },
    )
    diagonal = Layer(
        [{"x": low, "y": low}, {"x": high, "y": high}],
        {"type": "line", "color": "var(--muted)", "strokeDash": [4, 4], "strokeWidth": 1},
        {"x": number("x"), "y": number("y")},
    )
    caption = (
        f"All {numbers.count(step.response_ms.size)} successful samples, darker where there are more. On the dashed "
        "line nothing waited; above it, the start was late by the distance."
    )
    return Figure("Service against response", caption, styled([diagonal, rectangles]))

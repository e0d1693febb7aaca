"""The four pictures of a step, by Vega-Altair."""

from collections.abc import Mapping, Sequence

import altair as alt
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
from tailguard.report.charts.fault_bands import Band, band_labels, band_layers
from tailguard.report.charts.limit_marks import limit_points, limit_rules
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
    compact,
    ends_of,
    log_scale,
    styled,
    time_axis,
    tip,
    zoom,
)
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
    x = alt.X("at_s:Q", **time_axis(step.end_s))
    ends = ends_of(pd.concat([points["ms"], medians["median_ms"]]), limits)
    y = alt.Y(
        "ms:Q",
        title="response time, ms (log)",
        scale=log_scale(ends),
        axis=SIDE,
    )
    kinds = ["within every limit", "over a limit", "failed"]
    marks = (
        alt.Chart(compact(points))
        .mark_point(filled=True, size=22, opacity=0.75)
        .encode(
            x,
            y,
            color=choice("kind:N", kinds, [RESPONSE, LIMIT, FAILED]),
            shape=choice("kind:N", kinds, ["circle", "diamond", "cross"]),
            tooltip=[tip("at_s", "start, s"), tip("ms", "response, ms"), alt.Tooltip("kind:N")],
        )
    )
    line = alt.Chart(compact(medians)).mark_line(color="var(--ink)", strokeWidth=1.5, opacity=0.8)
    line = line.encode(
        x,
        alt.Y("median_ms:Q"),
        detail=alt.Detail("stretch:N"),
        tooltip=[tip("median_ms", "median, ms"), alt.Tooltip("n:Q")],
    )
    caption = (
        f"{drawn} Line: the median of each time slice. "
        "Response time counts from the intended start. Shift + wheel zooms, a mouse drag moves, double-click resets."
    )
    layers = [*band_layers(bands), marks, line, *limit_rules(limits, ends), *band_labels(bands)]
    chart = alt.layer(*layers).add_params(zoom())
    return Figure("Latency over time", caption, styled(chart), wide=True)


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
    bars = (
        alt.Chart(compact(bins))
        .mark_bar(color=RESPONSE, stroke="var(--paper)", strokeWidth=0.5)
        .encode(
            alt.X(
                "low_ms:Q", title="response time, ms (log)", scale=log_scale(ends), axis=alt.Axis(grid=False)
            ),
            alt.X2("high_ms:Q"),
            alt.Y("n:Q", title="samples"),
            alt.Y2(datum=0),
            tooltip=[
                tip("low_ms", "from, ms"),
                tip("high_ms", "to, ms"),
                alt.Tooltip("n:Q", title="samples"),
            ],
        )
    )
    caption = f"All {numbers.count(step.response_ms.size)} successful samples in logarithmic bins; dashed: the limits."
    return Figure("Distribution", caption, styled(alt.layer(bars, *limit_rules(limits, ends, upright=True))))


def _percentiles(step: Step, limits: Sequence[Limit]) -> Figure:
    kinds = {"response": step.response_ms, "service": step.service_ms}
    caption = (
        "A limit (diamond) is met where the response curve passes below it. Where response lies over service, "
        "requests waited before they were started."
    )
    return Figure("Percentiles", caption, styled(percentile_curves(kinds, [RESPONSE, SERVICE], limits)))


def percentile_curves(
    times_ms: Mapping[str, NDArray[np.float64]], colours: Sequence[str], limits: Sequence[Limit] = ()
) -> alt.LayerChart | alt.FacetChart:
    """Return a curve of each list of times, by its name, with a diamond per limit."""
    curves = pd.concat([percentile_curve(v).assign(time=k) for k, v in times_ms.items()], ignore_index=True)
    x_ends, y_ends = Domain(1.0, max(float(curves["inverse"].max()), 2.0)), ends_of(curves["ms"], limits)
    labels = "format(100 - 100 / datum.value, '~r') + ' %'"
    x = alt.X(
        "inverse:Q",
        title="percentile",
        scale=log_scale(x_ends),
        axis=alt.Axis(values=[2, 10, 100, 1000, 10_000, 100_000, 1_000_000], labelExpr=labels, grid=False),
    )
    y = alt.Y("ms:Q", title="time, ms (log)", scale=log_scale(y_ends))
    lines = (
        alt.Chart(compact(curves))
        .mark_line(strokeWidth=2, interpolate="step-after")
        .encode(
            x,
            y,
            color=choice("time:N", list(times_ms), colours),
            strokeDash=choice("time:N", list(times_ms), [[1, 0], [5, 3]]),
            tooltip=[alt.Tooltip("time:N"), tip("q", "quantile"), tip("ms", "ms")],
        )
    )
    return alt.layer(lines, *limit_points(limits, x_ends, y_ends))


def _service_against_response(step: Step) -> Figure:
    cells = cloud(step.service_ms, step.response_ms)
    low, high = float(cells["x_low"].min()), float(cells["y_high"].max())
    scale = alt.Scale(type="log", nice=False, domain=[min(low, float(cells["y_low"].min())), high])
    rectangles = (
        alt.Chart(compact(cells))
        .mark_rect(color=RESPONSE)
        .encode(
            alt.X("x_low:Q", title="service time, ms (log)", scale=scale, axis=alt.Axis(grid=False)),
            alt.X2("x_high:Q"),
            alt.Y("y_low:Q", title="response time, ms (log)", scale=scale),
            alt.Y2("y_high:Q"),
            opacity=alt.Opacity("n:Q", scale=alt.Scale(type="log", range=[0.3, 1]), legend=None),
            tooltip=[
                tip("x_low", "service from, ms"),
                tip("y_low", "response from, ms"),
                alt.Tooltip("n:Q"),
            ],
        )
    )
    ends = pd.DataFrame({"x": [low, high], "y": [low, high]})
    diagonal = alt.Chart(ends).mark_line(color="var(--muted)", strokeDash=[4, 4], strokeWidth=1)
    caption = (
        f"All {numbers.count(step.response_ms.size)} successful samples, darker where there are more. On the dashed "
        "line nothing waited; above it, the start was late by the distance."
    )
    chart = alt.layer(diagonal.encode(alt.X("x:Q"), alt.Y("y:Q")), rectangles)
    return Figure("Service against response", caption, styled(chart))

"""A duet's pairs: the change that each of them shows, with the bounds of all and the margin, a row per metric."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tailguard.compare.pairs import Block, pair_changes
from tailguard.record.verdict import ChangeVerdict
from tailguard.report.charts.charts import percentile_curves
from tailguard.report.charts.downsampling import FLOOR_MS, histogram
from tailguard.report.charts.limit_marks import haloed
from tailguard.report.charts.style import LIMIT, RESPONSE, Domain, Figure, choice, log_scale, styled
from tailguard.report.charts.vega_lite import Channel, Layer, Mark, Rows, Scale, number, rows_of, tip, word
from tailguard.report.views import change_view, numbers

_ROW_PX = 46  # a name above its dots
_MOST_STEPS = 12  # with curves of their own
_MOST = 24  # rows: the worst come first, and the table has all
_POINTS = "of all requests, in points"
_SHARES = "of the baseline, in %"
_SIDES = ["var(--muted)", RESPONSE]  # colours of the baseline and the candidate
_MARGIN = 0.04  # of the axis, beyond the outermost mark


def pairs_figures(
    changes: Sequence[ChangeVerdict], baseline: Sequence[Block], candidate: Sequence[Block]
) -> tuple[Figure, ...]:
    """Return a picture of the latencies, and of errors and refusals if a pair differs in them."""
    found = []
    for title, unit, mine in (
        ("Pairs: change of latency", _SHARES, [each for each in changes if not each.is_rate]),
        ("Pairs: change of errors and refusals", _POINTS, [each for each in changes if each.in_points]),
        (
            "Pairs: claimed change of errors",
            _SHARES,
            [each for each in changes if each.is_rate and each.is_claim],
        ),
    ):
        shown = [each for each in mine if each.change is not None][:_MOST]
        dots = pd.DataFrame(
            [
                {"row": row, "pair": pair, "change": 100 * change}
                for row, verdict in enumerate(shown)
                for pair, change in pair_changes(verdict, baseline, candidate)
            ]
        )
        if len(dots) and (unit is _SHARES or dots["change"].any()):
            found.append(_figure(title, unit, shown, dots.assign(side=_words(dots, shown[0]))))
    return tuple(found)


def sides_figures(
    changes: Sequence[ChangeVerdict], baseline: Sequence[Block], candidate: Sequence[Block]
) -> Iterator[Figure]:
    """Yield percentiles and distribution of both sides of each step that was compared, over all of their blocks."""
    steps = dict.fromkeys((each.scenario, each.step) for each in changes if not each.is_rate)
    for slug, step in islice(steps, _MOST_STEPS):
        times_ms = {
            name: np.concatenate([np.zeros(0), *(_times_ms(block, slug, step) for block in side)])
            for name, side in (("baseline", baseline), ("candidate", candidate))
        }
        if all(each.size for each in times_ms.values()):
            n = ", ".join(f"{numbers.count(each.size)} of the {name}" for name, each in times_ms.items())
            caption = (
                f"Response times of all blocks: {n}. The verdict compares pair by pair, not these curves."
            )
            chart = percentile_curves(times_ms, _SIDES)
            yield Figure(f"Both sides: {slug} {step}", caption, styled(chart))
            caption = "The same times: how many of each side's samples lie in each of the logarithmic bins."
            yield Figure(
                f"Distribution of both sides: {slug} {step}", caption, styled([_distributions(times_ms)])
            )


def _distributions(times_ms: Mapping[str, NDArray[np.float64]]) -> Layer:
    """Return a line per side: the share of its samples in each bin, the bins being the same for both."""
    bins = histogram(np.concatenate([*times_ms.values()]))
    edges = np.append(bins["low_ms"].to_numpy(), bins["high_ms"].iloc[-1])
    shares = pd.concat(
        [
            pd.DataFrame({"side": name, "ms": edges, "share": [*_shares(values, edges), 0.0]})
            for name, values in times_ms.items()
        ]
    )
    ends = Domain(float(edges[0]), float(edges[-1]))
    title = "response time, ms (log)"
    return Layer(
        rows_of(shares),
        {"type": "line", "strokeWidth": 2, "interpolate": "step-after"},
        {
            "x": {**number("ms"), "title": title, "scale": log_scale(ends), "axis": {"grid": False}},
            "y": {**number("share"), "title": "of the side's samples, in %"},
            "color": choice("side", list(times_ms), _SIDES),
            "strokeDash": choice("side", list(times_ms), [[1, 0], [5, 3]]),
            "tooltip": [word("side"), tip("ms", "from, ms"), tip("share", "samples, in %")],
        },
    )


def _shares(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    return 100 * np.histogram(values, edges)[0] / values.size


def _times_ms(block: Block, slug: str, step: str) -> NDArray[np.float64]:
    measured = slug in block and step in block[slug].steps
    return np.maximum(block[slug].response_ms(step), FLOOR_MS) if measured else np.zeros(0)


def _words(dots: pd.DataFrame, verdict: ChangeVerdict) -> "pd.Series[str]":
    worse, other = ("more failures", "no more failures") if verdict.is_rate else ("slower", "not slower")
    return dots["change"].gt(0).map({True: worse, False: other})


def _figure(title: str, unit: str, shown: Sequence[ChangeVerdict], dots: pd.DataFrame) -> Figure:
    rows = pd.DataFrame([_row(place, verdict) for place, verdict in enumerate(shown)])
    bounds = rows[["low", "high", "margin"]].astype(float)
    marks = [0.0, *dots["change"], *(float(each) for each in bounds.to_numpy().ravel() if not np.isnan(each))]
    room = _MARGIN * (max(marks) - min(marks))
    ends = [min(marks) - room, max(marks) + room]
    open_ends = {"low": bounds["low"].fillna(ends[0]), "high": bounds["high"].fillna(ends[1])}
    rows = rows.assign(**open_ends)
    layers = _layers(rows_of(rows), dots, ends, f"change {unit}")
    told = (
        f"{title.partition(': ')[2].capitalize()}, a dot per pair of blocks that were measured side by side."
    )
    caption = f"{told} Band: the bounds of the change; black: its estimate; red: the margin."
    caption += " Pairs after the look that decided are drawn, too."
    return Figure(title, caption, styled(layers, _ROW_PX * len(shown)), wide=True)


def _layers(rows: Rows, dots: pd.DataFrame, ends: Sequence[float], title: str) -> Iterator[Layer]:
    scale: Scale = {"domain": ends, "nice": False}
    y: Channel = {
        **number("row"),
        "axis": None,
        "scale": {"domain": [len(rows) - 0.4, -0.6], "nice": False},
    }
    x: Channel = {**number("change"), "title": title, "scale": scale}
    tooltip: list[Channel] = [{**word("name"), "title": "metric"}, {**word("told"), "title": "change"}]
    yield Layer([{"zero": 0}], {"type": "rule", "color": "var(--line)"}, {"x": number("zero")})
    band: Mark = {"type": "bar", "height": 10, "color": "var(--muted)", "opacity": 0.35}
    low: Channel = {**number("low"), "scale": scale}
    yield Layer(rows, band, {"x": low, "x2": {"field": "high"}, "y": y, "tooltip": tooltip})
    yield _points(dots, x, y)
    tick: Mark = {"type": "tick", "thickness": 3, "size": 16, "color": "var(--ink)"}
    yield Layer(rows, tick, {"x": x, "y": y, "tooltip": tooltip})
    margin: Mark = {"type": "tick", "thickness": 2, "size": 24, "color": LIMIT}
    yield Layer(rows, margin, {"x": {**number("margin"), "scale": scale}, "y": y})
    place: Mark = {"type": "text", "align": "left", "dx": 4, "dy": -17, "baseline": "middle", "fontSize": 11}
    yield from haloed(rows, place, {"x": {"value": 0}, "y": y, "text": word("name")}, "var(--ink)")


def _points(dots: pd.DataFrame, x: Channel, y: Channel) -> Layer:
    sides = sorted(dots["side"].unique(), key=lambda side: side.startswith("no"))
    shapes = ["diamond" if not side.startswith("no") else "circle" for side in sides]
    colours = [LIMIT if shape == "diamond" else RESPONSE for shape in shapes]
    return Layer(
        rows_of(dots),
        {"type": "point", "filled": True, "size": 26, "opacity": 0.7},
        {
            "x": x,
            "y": y,
            "color": choice("side", sides, colours),
            "shape": choice("side", sides, shapes),
            "tooltip": [number("pair"), {**number("change"), "format": "+.3~r"}],
        },
    )


def _row(place: int, verdict: ChangeVerdict) -> dict[str, str | float | None]:
    low, high, margin, change = (
        None if each is None else 100 * each
        for each in (verdict.low, verdict.high, verdict.margin, verdict.change)
    )
    name = f"{change_view.metric_of(verdict)}: {verdict.state}"
    told = f"{change_view.signed(verdict, verdict.change)}, {numbers.plural(verdict.pairs, 'pair')}"
    return {
        "row": place,
        "name": name,
        "low": low,
        "high": high,
        "margin": margin,
        "change": change,
        "told": told,
    }

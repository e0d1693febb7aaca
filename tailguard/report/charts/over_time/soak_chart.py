"""A soak over time as SVG: the p95 of each step and each reading, with changes of leaders as bands."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from math import isfinite

from markupsafe import Markup

from tailguard.base.output.escaping import visible
from tailguard.base.text_format import duration_ms, duration_s, significant
from tailguard.judge.soak.joining import joined
from tailguard.record.run import Run
from tailguard.record.soak import UNITS, Gap, Soak
from tailguard.record.soak.segments import Counters, Key, Segment
from tailguard.record.soak.times import quantile_ms, times_of
from tailguard.report.charts.drawn import Picture

WIDTH, HEIGHT, MARGIN = 900, 130, 6
MOST_POINTS = 400  # four pixels each, two to a segment of a day
_MOST_CHARTS = 24
_SHOWN = 0.95
_SHOWN_IN = {
    "memory": "MB",
    "WAL per minute": "MB",
    "table bytes per row": "bytes",
    "index bytes per row": "bytes",
}


def soak_charts(run: Run, soak: Soak) -> list[Picture]:
    """Return a chart of each step and each reading. Raises BrokenRunError if a segment is missing or broken."""
    points = list(_points(run, soak))
    times = dict.fromkeys(
        (key.scenario, key.name) for _, each in points for key in each if key.kind == "time"
    )
    found = []
    for scenario, step in times:
        title = f"p95 of {scenario}, step {step}"
        series = [(at, quantile_ms(times_of(each, scenario, step), _SHOWN)) for at, each in points]
        found.append(_chart(title, series, soak, duration_ms))
    for name in UNITS:
        series = [(at, each.get(Key("reading", name=name))) for at, each in points]
        if any(value is not None for _, value in series):
            found.append(_chart(name, series, soak, partial(_reading, name)))
    return found[:_MOST_CHARTS]


def _reading(name: str, value: float) -> str:
    return f"{significant(value)} {_SHOWN_IN.get(name, '')}".strip()


def _points(run: Run, soak: Soak) -> Iterator[tuple[float, Counters]]:
    """Yield the middle of some segments, in s, with the sums of their counters and the means of their readings."""
    files = joined(run.folder, soak.terms)
    length = -(-len(files.paths) // MOST_POINTS) or 1
    part: list[Segment] = []
    for segment in files.segments():
        part.append(segment)
        if len(part) == length:
            yield _point(part)
            part = []
    if part:
        yield _point(part)


def _point(part: Sequence[Segment]) -> tuple[float, Counters]:
    sums: Counter[Key] = Counter()
    for segment in part:
        sums.update({key: n for key, n in segment.counters.items() if key.kind in {"time", "reading"}})
    have = Counter(key for segment in part for key in segment.counters if key.kind == "reading")
    return (part[0].head.began_s + part[-1].head.ended_s) / 2, {
        key: n / have[key] if key.kind == "reading" else n for key, n in sums.items()
    }


def _chart(
    title: str, series: Sequence[tuple[float, float | None]], soak: Soak, shown: Callable[[float], str]
) -> Picture:
    known = [(at, value) for at, value in series if value is not None and isfinite(value)]
    bottom, top = (
        min((value for _, value in known), default=0.0),
        max((value for _, value in known), default=1.0),
    )

    def x(at_s: float) -> float:
        return MARGIN + min(max(at_s / soak.seconds, 0.0), 1.0) * (WIDTH - 2 * MARGIN)

    def y(value: float) -> float:
        return HEIGHT - MARGIN - (value - bottom) / ((top - bottom) or 1.0) * (HEIGHT - 2 * MARGIN)

    gaps = soak.found.gaps if soak.found else ()
    caption = f"Between {shown(bottom)} and {shown(top)} over {duration_s(soak.seconds)}."
    if gaps:
        caption += " Grey: a change of leaders, without load."
    svg = Markup(
        '<svg class="history" viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>{}'
        "{}</svg>"
    ).format(WIDTH, HEIGHT, visible(f"{title}. {caption}"), visible(title), Markup("").join(_bands(gaps, x)),
             Markup("").join(_lines(known, gaps, x, y)))  # fmt: skip
    return Picture(title, caption, svg)


def _lines(
    known: Sequence[tuple[float, float]],
    gaps: Sequence[Gap],
    x: Callable[[float], float],
    y: Callable[[float], float],
) -> Iterator[Markup]:
    """Yield a line between each two gaps: nothing was measured in them."""
    edges = [0.0, *(gap.began_s for gap in gaps), float("inf")]
    for low, high in pairwise(edges):
        points = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in known if low <= at < high)
        yield Markup('<polyline points="{}"/>').format(points)


def _bands(gaps: Sequence[Gap], x: Callable[[float], float]) -> Iterator[Markup]:
    for gap in gaps:
        left, right = x(gap.began_s), x(gap.began_s + gap.seconds)
        yield Markup('<rect class="band" x="{}" y="0" width="{}" height="{}"><title>{}</title></rect>').format(
            round(left, 1), round(max(right - left, 2.0), 1), HEIGHT,
            f"fence {gap.fence}: {duration_s(gap.seconds)} without load",
        )  # fmt: skip

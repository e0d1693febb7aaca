"""All charts of a report: drawn from the samples, kept within a budget of bytes, each with its still picture."""

import re
from collections.abc import Iterator, Mapping, Sequence

from tailguard.base.state import State
from tailguard.compare.pairs import Block
from tailguard.record.part import Json
from tailguard.record.run_record import RunRecord
from tailguard.record.samples import Samples
from tailguard.record.verdict import ObjectiveVerdict
from tailguard.report.charts.charts import figures_of
from tailguard.report.charts.downsampling import FLOOR_MS, step_of
from tailguard.report.charts.drawing import svg_of
from tailguard.report.charts.drawn import Drawn, RenderedCharts
from tailguard.report.charts.live_chart import live_figures
from tailguard.report.charts.migration_chart import migration_figure
from tailguard.report.charts.over_time.fault_bands import bands_of
from tailguard.report.charts.over_time.load_charts import load_figures
from tailguard.report.charts.over_time.windows import load_of
from tailguard.report.charts.pairs_chart import pairs_figures, sides_figures
from tailguard.report.charts.small_chart import small_chart
from tailguard.report.charts.style import Figure, Limit
from tailguard.report.views.duet_view import changes_of

# What all charts may take of a page of 2 MB: the chart library takes 0.9 MB, tables and texts 0.1 MB.
BUDGET_BYTES = 950_000
_MARKS = 900  # over-time marks of all steps together: about 400 bytes each, still and live
_STILL_TO_SPEC = (
    2  # a still picture is never smaller than its description: below this, drawing it is time lost
)
_LEFT_OUT = "Left out to keep this page small; the samples are in the run's folder."
_FEWEST, _MOST = 24, 180  # time slices of one chart: enough to see a stall, at most one each four pixels
_FIRST = 4  # times the room of a scenario that is green
_MOST_LIMITS = 12  # more lines hide what they limit
_WIDTH_PX, _WIDE_PX = 400, 900  # near the columns of a wide screen, and legible on paper


def charts_of(
    record: RunRecord,
    samples: Mapping[str, Samples],
    absent: str = "",
    budget_bytes: int = BUDGET_BYTES,
    live: Mapping[str, Samples] | None = None,
    blocks: Sequence[Sequence[Block]] = (),
) -> RenderedCharts:
    """Draw everything. A scenario that has no samples has no charts either, and `absent` says why.

    `live` is what the clients of proofs sent, `blocks` what the baseline and the candidate of a duet measured.
    """
    migrations = tuple(_draw(migration_figure(entry)) for entry in record.migrations)
    proofs = [
        live_figures(entry, entry.live, live or {}) if entry.live else () for entry in record.migrations
    ]
    measured = {slug: found for slug, found in samples.items() if slug in record.scenarios}
    room = budget_bytes - sum(drawn.size for drawn in migrations)
    lived = tuple(_fitted(figures, room // (2 * len(proofs))) for figures in proofs)
    room -= sum(map(_sizes, lived))
    pairs = _fitted(_of_duet(record, blocks), room // 3) if blocks else ()
    room -= _sizes(pairs)
    found = RenderedCharts(
        steps={slug: {} for slug in record.scenarios},
        migrations=migrations,
        live=lived,
        pairs=pairs,
        absent=absent or RenderedCharts().absent,
    )
    buckets = max(_FEWEST, min(_MOST, _MARKS // max(sum(len(each.steps) for each in measured.values()), 1)))
    weights = {slug: _weight(record, slug, each) for slug, each in measured.items()}
    for slug in sorted(measured, key=lambda slug: -weights[slug]):
        # What one scenario leaves goes to the next.
        share = weights[slug] / sum(weights.values())
        room -= _draw_scenario(found, record, measured[slug].in_order(), buckets, int(room * share))
        del weights[slug]
    return found


def _of_duet(record: RunRecord, blocks: Sequence[Sequence[Block]]) -> list[Figure]:
    changes = changes_of(record)
    return [*pairs_figures(changes, *blocks), *sides_figures(changes, *blocks)]


def _weight(record: RunRecord, slug: str, samples: Samples) -> int:
    """How much room a scenario may take: one that is not green comes first, and all of it is drawn, also on paper."""
    judged = (
        each for each in record.verdicts if isinstance(each, ObjectiveVerdict) and each.scenario == slug
    )
    is_green = all(each.state is State.PASS for each in judged)
    return (len(samples.steps) + 1) * (1 if is_green else _FIRST)


def _draw_scenario(
    found: RenderedCharts, record: RunRecord, samples: Samples, buckets: int, room: int
) -> int:
    """Add the charts of one scenario to those found, within `room`; return how many bytes they take."""
    slug, bands, load = samples.scenario, bands_of(record, samples), load_of(samples)
    left, groups = room, len(samples.steps) + 1
    found.loads[slug] = _fitted(load_figures(samples, record.scenarios[slug], load, bands), left // groups)
    left -= _sizes(found.loads[slug])
    shown = next(
        (name for name in samples.steps if limits_of(record, slug, name)), "".join(samples.steps[:1])
    )
    for place, name in enumerate(samples.steps, 1):
        step, limits = step_of(samples, name), limits_of(record, slug, name)
        figures = figures_of(step, limits, buckets, load.windows, bands)
        found.steps[slug][name] = _fitted(figures, left // (groups - place))
        left -= _sizes(found.steps[slug][name])
        if name == shown:
            found.small[slug] = small_chart(step, limits)
        del step  # its times, before those of the next one are taken
    return room - left


def _fitted(figures: Sequence[Figure], room: int) -> tuple[Drawn, ...]:
    return tuple(_fit(figures, room))


def _sizes(drawn: Sequence[Drawn]) -> int:
    return sum(each.size for each in drawn)


def limits_of(record: RunRecord, slug: str, step: str) -> list[Limit]:
    """Return the latency limits that were judged for this step."""
    judged = [verdict.objective for verdict in record.verdicts if isinstance(verdict, ObjectiveVerdict)]
    return [
        Limit(each.q, max(each.limit_ms, FLOOR_MS), each.name.removeprefix(f"{slug} "))
        for each in judged
        if (each.scenario, each.step) == (slug, step) and each.q is not None and each.limit_ms is not None
    ][:_MOST_LIMITS]


def _fit(figures: Sequence[Figure], room: int) -> Iterator[Drawn]:
    """Draw what `room` bytes hold: still pictures are left out first, then whole charts, with a note."""
    for figure in figures:
        bare = Drawn(figure.title, figure.caption, figure.spec, "", figure.wide)
        kept = bare if bare.size * _STILL_TO_SPEC > room else _draw(figure)
        if kept.size > room:
            kept = bare
        if kept.size > room:
            kept = Drawn(figure.title, _LEFT_OUT, None, "", figure.wide)
        room -= kept.size
        yield kept


def _draw(figure: Figure) -> Drawn:
    svg = "" if figure.spec is None else _still(figure.spec, _WIDE_PX if figure.wide else _WIDTH_PX)
    return Drawn(figure.title, figure.caption, figure.spec, svg, figure.wide)


def _still(spec: dict[str, Json], width_px: int) -> str:
    """The chart as SVG, without what a still picture needs no word for. Vega escapes all text in it.

    The page's style states the letters that all charts have.
    """
    svg = svg_of({**spec, "width": width_px})
    svg = re.sub(
        r' (?:aria-[a-z]+|role|class|pointer-events|version|xmlns:xlink|font-family)="[^"]*"', "", svg
    )
    for standard in (' opacity="1"', ' stroke-width="1"', ' font-size="11px"', '<path d="M0,0h0v0h0Z"/>'):
        svg = svg.replace(standard, "")
    svg = re.sub(r"<text[^>]*/>", "", svg)  # of a tick whose label had no room
    # A tenth of a pixel is enough; the digits of a text are none of these.
    return re.sub(r"<[^>]+>", lambda tag: re.sub(r"(?<=\d\.\d)\d+", "", tag[0]), svg)

"""All charts of a report: drawn from the samples, kept within a budget of bytes, each with its still picture."""

import re
from collections.abc import Iterator, Mapping, Sequence

from altair.utils.schemapi import debug_mode

from tailguard.record.part import Json
from tailguard.record.run_record import RunRecord
from tailguard.record.samples import Samples
from tailguard.record.verdict import ObjectiveVerdict
from tailguard.report.charts.charts import figures_of
from tailguard.report.charts.downsampling import step_of
from tailguard.report.charts.drawing import svg_of
from tailguard.report.charts.drawn import Drawn, RenderedCharts
from tailguard.report.charts.fault_bands import bands_of
from tailguard.report.charts.live_chart import live_figures
from tailguard.report.charts.migration_chart import migration_figure
from tailguard.report.charts.style import Figure, Limit

# What all charts may take of a page of 2 MB: the chart library takes 0.9 MB, tables and texts 0.1 MB.
BUDGET_BYTES = 950_000
_MARKS = 900  # over-time marks of all steps together: about 400 bytes each, still and live
_STILL_TO_SPEC = (
    2  # a still picture is never smaller than its description: below this, drawing it is time lost
)
_LEFT_OUT = "Left out to keep this page small; the samples are in the run's folder."
_FEWEST, _MOST = 24, 180  # time slices of one chart: enough to see a stall, at most one each four pixels
_MOST_LIMITS = 12  # more lines hide what they limit
_WIDTH_PX, _WIDE_PX = 400, 900  # near the columns of a wide screen, and legible on paper


@debug_mode(arg=False)  # each part of each chart would be held against Vega-Lite's schema: a test does that
def charts_of(
    record: RunRecord,
    samples: Mapping[str, Samples],
    absent: str = "",
    budget_bytes: int = BUDGET_BYTES,
    live: Mapping[str, Samples] | None = None,
) -> RenderedCharts:
    """Draw everything. A scenario that has no samples has no charts either, and `absent` says why."""
    migrations = tuple(_draw(migration_figure(entry)) for entry in record.migrations)
    proofs = [
        live_figures(entry, entry.live, live or {}) if entry.live else () for entry in record.migrations
    ]
    wanted = [
        (slug, name) for slug, found in samples.items() if slug in record.scenarios for name in found.steps
    ]
    buckets = max(_FEWEST, min(_MOST, _MARKS // max(len(wanted), 1)))
    steps: dict[str, dict[str, tuple[Drawn, ...]]] = {slug: {} for slug in record.scenarios}
    room = budget_bytes - sum(drawn.size for drawn in migrations)
    lived = tuple(tuple(_fit(figures, room // (2 * len(proofs)))) for figures in proofs)
    room -= sum(drawn.size for figures in lived for drawn in figures)
    for place, (slug, name) in enumerate(wanted):
        bands = bands_of(record.chaos, samples[slug])
        figures = figures_of(step_of(samples[slug], name), limits_of(record, slug, name), buckets, bands)
        fitting = tuple(_fit(figures, room // (len(wanted) - place)))  # what one step leaves goes to the next
        room -= sum(drawn.size for drawn in fitting)
        steps[slug][name] = fitting
    return RenderedCharts(steps, migrations, lived, absent or RenderedCharts().absent)


def limits_of(record: RunRecord, slug: str, step: str) -> list[Limit]:
    """Return the latency limits that were judged for this step."""
    judged = [verdict.objective for verdict in record.verdicts if isinstance(verdict, ObjectiveVerdict)]
    return [
        Limit(each.q, each.limit_ms, each.name.removeprefix(f"{slug} "))
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
    """The chart as SVG, without what a still picture needs no word for. Vega escapes all text in it."""
    svg = svg_of({**spec, "width": width_px})
    svg = re.sub(r' (?:aria-[a-z]+|role|class|pointer-events|version|xmlns:xlink)="[^"]*"', "", svg)
    svg = svg.replace(' opacity="1"', "").replace('<path d="M0,0h0v0h0Z"/>', "")
    return re.sub(r"(?<=[\d]\.\d)\d+", "", svg)  # a tenth of a pixel is enough

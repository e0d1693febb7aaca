"""A run's report as files: the page and the Markdown, both from one view."""

import glob
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import quote

from tailguard.base.errors import UsageError
from tailguard.compare.earlier_runs import earlier_runs
from tailguard.compare.pairs import Block
from tailguard.record.duet import SideName
from tailguard.record.files import REPORTS, BrokenRunError, sealed, write_file
from tailguard.record.run import Run
from tailguard.record.samples import Samples
from tailguard.record.samples.parquet import read_samples
from tailguard.report.charts.drawing import start
from tailguard.report.charts.drawn import Picture, RenderedCharts, why_not_drawn
from tailguard.report.own_template import OwnTemplate
from tailguard.report.page import page_of
from tailguard.report.sections import Section
from tailguard.report.text.markdown import markdown_of
from tailguard.report.views.view import ReportView, view_of

Format = Literal["html", "md"]
MOST_BYTES = 1_950_000  # 2 MB with a reserve for what the charts' sizes are only estimated to take
FILES: dict[Format, str] = {"html": REPORTS[0], "md": REPORTS[1]}


def write_report(run: Run, sections: Sequence[Section] = (), template: OwnTemplate | None = None) -> Path:
    """Write report.html and run.md into the run's folder, each whole or not at all, and return the page's path.

    `sections` and `template` are the suite's own. Raises UsageError if the folder cannot be written.
    """
    elsewhere = f"`tailguard report {run.folder} --out FILE` writes it elsewhere."
    view = view_of(run.record, earlier_runs(run))
    previous_page = _previous_page(run, view)
    for kind, name in FILES.items():
        write_file(
            run.folder / name, _rendered(run, view, kind, sections, template, previous_page), elsewhere
        )
    return run.folder / FILES["html"]


def rendered(
    run: Run, kind: Format, sections: Sequence[Section] = (), template: OwnTemplate | None = None
) -> str:
    """Return the report of a run as HTML or Markdown."""
    return _rendered(run, view_of(run.record, earlier_runs(run)), kind, sections, template)


def _previous_page(run: Run, view: ReportView) -> str:
    """Return the address of the previous run's page, seen from this run's folder; "" if there is none."""
    if view.previous is None:
        return ""
    pages = run.folder.parent.glob(f"*{glob.escape(view.previous.id)}/{FILES['html']}")
    return next((f"../{quote(page.parent.name)}/{quote(page.name)}" for page in pages), "")


def _rendered(
    run: Run,
    view: ReportView,
    kind: Format,
    sections: Sequence[Section],
    template: OwnTemplate | None,
    previous_page: str = "",
) -> str:
    try:
        page = markdown_of(view) if kind == "md" else _page(run, view, sections, template, previous_page)
        return sealed(page, view.record_sha256)
    except MemoryError:
        raise UsageError(
            "The report cannot be made: memory is short. Give more (`ulimit -v unlimited`). The run is saved:"
            " `tailguard report` writes its report again."
        ) from None


def _page(
    run: Run,
    view: ReportView,
    sections: Sequence[Section],
    template: OwnTemplate | None,
    previous_page: str,
) -> str:
    if not why_not_drawn() and run.samples_path.exists():
        start()
    samples, absent = _samples(run)
    soaked = _soaked(run)
    own = tuple(section(view.record) for section in sections)
    absent = why_not_drawn() or absent
    bare = RenderedCharts({slug: {} for slug in view.record.scenarios}, soak=soaked, absent=absent)
    words = page_of(view, bare, own, previous_page, template)
    if why_not_drawn():
        return words
    from tailguard.report.charts.rendered_charts import charts_of  # noqa: PLC0415  # its part may not be installed

    room = MOST_BYTES - len(words.encode())
    charts = charts_of(view.record, samples, absent, room, _live_samples(run), _blocks(run))
    return page_of(view, replace(charts, soak=soaked), own, previous_page, template)


def _samples(run: Run) -> tuple[dict[str, Samples], str]:
    """The samples, or none and the reason: a report without charts is still a report."""
    try:
        return run.samples(), ""
    except BrokenRunError:
        return {}, f"No chart: {run.samples_path.name} is missing from the run's folder, or broken."


def _live_samples(run: Run) -> dict[str, Samples]:
    """What the clients of a proof under load sent; nothing if there was no such proof, or its file is lost."""
    try:
        return run.live_samples()
    except BrokenRunError:
        return {}


def _soaked(run: Run) -> tuple[Picture, ...]:
    """The charts of a soak; none if this is another run, or a segment is lost."""
    if run.record.soak is None:
        return ()
    from tailguard.report.charts.over_time.soak_chart import soak_charts  # noqa: PLC0415  # of a soak alone

    try:
        return tuple(soak_charts(run, run.record.soak))
    except BrokenRunError:
        return ()


def _blocks(run: Run) -> tuple[list[Block], ...]:
    """What the baseline and the candidate of a duet measured; nothing if this is another run, or a file is lost."""
    if run.record.duet is None:
        return ()
    try:
        return tuple(
            [read_samples(run.raw_file(block.files.get(name, ""))) for block in run.record.duet.blocks]
            for name in get_args(SideName)
        )
    except BrokenRunError:
        return ()

"""A run's report as files: the page and the Markdown, both from one view."""

from pathlib import Path
from typing import Literal

from tailguard.base.errors import UsageError
from tailguard.record.files import RECORD, write_file
from tailguard.record.run import LIVE, Run
from tailguard.record.samples import Samples
from tailguard.record.samples.parquet import read_samples
from tailguard.report.charts.rendered_charts import gallery_of
from tailguard.report.page import page_of
from tailguard.report.text.markdown import markdown_of
from tailguard.report.views.view import ReportView, view_of

Format = Literal["html", "md"]
MOST_BYTES = 1_950_000  # 2 MB with a reserve for what the charts' sizes are only estimated to take
FILES: dict[Format, str] = {"html": "report.html", "md": "run.md"}


def write_report(run: Run) -> Path:
    """Write report.html and run.md into the run's folder, each whole or not at all, and return the page's path.

    Raises UsageError where run.json has not the shape of a run, or the folder cannot be written.
    """
    elsewhere = f"`tailguard report {run.folder} --out FILE` writes it elsewhere."
    for kind, name in FILES.items():
        write_file(run.folder / name, rendered(run, kind), elsewhere)
    return run.folder / FILES["html"]


def rendered(run: Run, kind: Format) -> str:
    """Return the report of a run as HTML or Markdown."""
    view = run_view(run)
    if kind == "md":
        return markdown_of(view)
    samples, absent = _samples(run)
    words = page_of(view, gallery_of({"scenarios": run.record["scenarios"]}, {}, absent))
    room = MOST_BYTES - len(words.encode())
    return page_of(view, gallery_of(run.record, samples, absent, room, _live_samples(run)))


def run_view(run: Run) -> ReportView:
    """Return the view of a run; raise UsageError where its record lacks what every run has."""
    try:
        return view_of(run.record)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UsageError(
            f"{run.folder / RECORD} has not the shape of a run: {type(error).__name__} at {error}."
            " Restore the file, or measure again with `tailguard run`."
        ) from error


def _samples(run: Run) -> tuple[dict[str, Samples], str]:
    """The samples, or none and the reason: a report without charts is still a report."""
    try:
        return run.samples(), ""
    except UsageError:
        return {}, f"No chart: {run.samples_path.name} is missing from the run's folder, or broken."


def _live_samples(run: Run) -> dict[str, Samples]:
    """What the clients of a proof under load sent; nothing where there was no such proof, or its file is lost."""
    path = run.folder / LIVE
    try:
        return read_samples(path) if path.exists() else {}
    except UsageError:
        return {}

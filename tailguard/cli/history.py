"""`tailguard history`: runs over time, and what CI carries of them from job to job."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tailguard.base.errors import UsageError
from tailguard.base.output.streams import say
from tailguard.config.merge import load_config
from tailguard.record.files import write_file

if TYPE_CHECKING:
    from tailguard.compare.series.findings import Series


@click.command()
@click.option(
    "--runs-dir",
    type=click.Path(path_type=Path),
    help="Folder of the runs (default: the configured runs_dir).",
)
@click.option(
    "--import",
    "imports",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Import another history file first.",
)
@click.option(
    "--export", "target", type=click.Path(path_type=Path), help="Also write the whole history to this file."
)
@click.option("--html", type=click.Path(path_type=Path), help="Write a page with a chart per metric.")
def history(runs_dir: Path | None, imports: Sequence[Path], target: Path | None, html: Path | None) -> None:
    """Add the folder's new runs to history.parquet and show each metric over time.

    Runs of another machine, platform, configuration or fault have their own series. It reports changes of a series
    (where, how much, between which runs), and slowdowns with at most one false alarm expected in 1,000 runs of all
    series together. Neither is a verdict: `tailguard duet` judges.
    """
    from tailguard.compare.history import NAME, finished_runs, merged, read_history, rows_of, write_history
    from tailguard.compare.series.findings import series_of

    _check_paths(runs_dir, imports)
    folder = runs_dir or Path(load_config().runs_dir)
    known = read_history(folder / NAME)
    if imports:
        known = merged(*(read_history(path) for path in imports), known)
    known_runs = set(known["run"].to_pylist())
    found = finished_runs(folder, known_runs)
    table = merged(known, *(rows_of(run) for run in found.runs)) if found.runs else known
    if count := found.of_other_schemas:
        told = "1 run of another version is" if count == 1 else f"{count} runs of another version are"
        say(f"{told} left out; that version reads what this one cannot.")
    if target is not None:
        write_history(target, table)
    if not len(table):
        say(f"There is no finished run in {folder} yet. Make one with `tailguard run`.")
        return
    if found.runs or imports:
        write_history(folder / NAME, table)
    runs = len(known_runs) + len(found.runs)
    say(f"{runs} runs, {len(found.runs)} of them new; newest {table['created_utc'][-1]}.")
    series = series_of(table)
    _show(series)
    if html is not None:
        from tailguard.report.history_page import history_page_of, report_pages

        write_file(html, history_page_of(series, report_pages(folder, html.parent)))
        say(str(html))


def _check_paths(runs_dir: Path | None, imports: Sequence[Path]) -> None:
    if runs_dir is not None and not imports and not runs_dir.is_dir():
        raise UsageError(f"There is no folder {runs_dir}: name the one of the runs with --runs-dir.")
    for path in imports:
        if not path.is_file():
            raise UsageError(f"There is no history to import at {path}: download the artifact first.")


def _show(series: "tuple[Series, ...]") -> None:
    from rich.table import Column, Table

    from tailguard.base.output.console import output_console
    from tailguard.report.views.history_view import changes_of, groups_of, line_of, rate_of

    groups = groups_of(series)
    for heading, own in groups:
        say("", heading)
        lines = [line_of(each) for each in own]
        # A name is never cut; the other columns give way.
        shown = Table(Column("metric", min_width=max(len(line.metric) for line in lines)), box=None)
        for name in ("runs", "newest", "change", ""):
            shown.add_column(name)
        for line in lines:
            shown.add_row(line.metric, line.runs, line.newest, line.change, line.spark)
        output_console().print(shown)
    say("", rate_of(series))
    for sentence in (each for _, own in groups for one in own for each in changes_of(one)):
        say(sentence)

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
    import pandas as pd


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

    The sparkline and the change (newest against the median before) are for reading, not for judging: `tailguard duet`
    judges. Change points are reported if apache-otava is installed, as a second opinion, never as a gate.
    """
    from tailguard.compare.history import NAME, finished_runs, merged, read_history, rows_of, write_history
    from tailguard.report.views.history_view import page_of

    _check_paths(runs_dir, imports)
    folder = runs_dir or Path(load_config().runs_dir)
    known = merged(*(read_history(path) for path in imports), read_history(folder / NAME))
    found = finished_runs(folder, known["run"])
    table = merged(known, *(rows_of(run) for run in found.runs))
    if count := found.of_other_schemas:
        told = "1 run of another version is" if count == 1 else f"{count} runs of another version are"
        say(f"{told} left out; that version reads what this one cannot.")
    if target is not None:
        write_history(target, table)
    if table.empty:
        say(f"There is no finished run in {folder} yet. Make one with `tailguard run`.")
        return
    write_history(folder / NAME, table)
    say(
        f"{table['run'].nunique()} runs, {len(found.runs)} of them new; newest {table['created_utc'].iloc[-1]}."
    )
    _show(table)
    if html is not None:
        write_file(html, page_of(table))
        say(str(html))


def _check_paths(runs_dir: Path | None, imports: Sequence[Path]) -> None:
    if runs_dir is not None and not imports and not runs_dir.is_dir():
        raise UsageError(f"There is no folder {runs_dir}: name the one of the runs with --runs-dir.")
    for path in imports:
        if not path.is_file():
            raise UsageError(f"There is no history to import at {path}: download the artifact first.")


def _show(table: "pd.DataFrame") -> None:
    from rich.table import Column, Table

    from tailguard.base.output.console import output_console
    from tailguard.report.views.history_view import change_points, lines_of

    lines = [*lines_of(table)]
    widest = max((len(line.metric) for line in lines), default=0)
    # A name is never cut; the other columns give way.
    shown = Table(Column("metric", min_width=widest), "runs", "newest", "change", "", box=None)
    for line in lines:
        shown.add_row(line.metric, line.runs, line.newest, line.change, line.spark)
    output_console().print(shown)
    points = change_points(table)
    say("Change points: apache-otava is not installed (pip install apache-otava)." if points is None else "")
    for point in points or ():
        say(f"change point: {point}")

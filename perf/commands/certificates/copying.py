"""`tailguard certificates backfill`: copy to S3 what was stored before."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from threading import Event
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import tailguard as tg
from perf.commands.certificates.target import open_target, places
from reference.certificates.backfill import Backfill, BackfillPlan, BackfillProgress
from reference.certificates.flags import BACKFILL, Flags
from tailguard.kit import NumberRange, PlainConsole, State, say

EXIT_INTERRUPTED = 130
_DEFAULT = BackfillPlan()


@click.command()
@places
@click.option("--dry-run", is_flag=True, help="Read and hash what would be uploaded; change nothing.")
@click.option(
    "--batch",
    default=_DEFAULT.batch,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="Rows a batch.",
)
@click.option(
    "--concurrency", default=_DEFAULT.concurrency, show_default=True, type=click.IntRange(1, 32),
    help="Uploads at once.",
)  # fmt: skip
@click.option("--rate", default=0.0, type=NumberRange(0, 100_000), help="Most uploads a second; 0: no limit.")
@click.option(
    "--resume-after", default=0, type=click.IntRange(0, 2**63 - 1), metavar="ID",
    help="The resume token of an earlier backfill. Without it, all unmarked rows are looked at.",
)  # fmt: skip
def backfill(
    *,
    dry_run: bool,
    batch: int,
    concurrency: int,
    rate: float,
    resume_after: int,
    as_json: bool,
    **where: Any,
) -> int:
    """Copy to S3 what was stored before the dual write, beside live uploads.

    Needs CERT_S3_BACKFILL_ENABLED, unless it is a dry run. Ctrl-C or SIGTERM stop it cleanly; after any end, also
    kill -9, run the same command again to resume. Exit code 65 if a certificate could not be copied.
    """
    if not dry_run and not read_flags().backfill:
        raise tg.UsageError(f"{BACKFILL} is off: set it to true once the dual write is on, or try --dry-run.")
    plan = BackfillPlan(batch, concurrency, rate, dry_run, resume_after)
    with open_target(**where) as target, stopped_by_signals() as stop, shown_progress() as show:
        progress = Backfill(target.database, target.local, target.s3, plan).run(stop=stop, on_progress=show)
    if as_json:
        say(json.dumps(asdict(progress) | {"dry_run": dry_run, "metrics": target.metrics.counts()}))
    else:
        say_backfill(progress, dry_run=dry_run)
    return State.INVALID.exit_code if progress.failed else 0 if progress.finished else EXIT_INTERRUPTED


def read_flags() -> Flags:
    """Return the flags of the environment. Raises UsageError for a value that is not one."""
    try:
        return Flags.from_environment(os.environ)
    except ValueError as error:
        raise tg.UsageError(f"{error}.") from None


def say_backfill(progress: BackfillProgress, *, dry_run: bool) -> None:
    """Say how a backfill ended."""
    verb = "would be uploaded" if dry_run else "uploaded"
    say(
        f"{progress.uploaded} {verb} ({progress.bytes / 1e6:.1f} MB), {progress.present} were there already, "
        f"{progress.failed} failed, of {progress.pending}. Resume token: {progress.resume_after}"
    )
    for failure in progress.failures:
        say(f"  {failure}")
    if not progress.finished:
        say(f"Stopped before the end. Go on with --resume-after {progress.resume_after}, or without it.")


@contextmanager
def stopped_by_signals() -> Iterator[Event]:
    """Return an event that the first Ctrl-C or SIGTERM sets; the second one ends the process as usual."""
    stop = Event()
    before: dict[int, Any] = {}

    def ask_to_stop(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, before[number])

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, ask_to_stop)
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def shown_progress() -> Iterator[Any]:
    """Return what shows a progress: a bar on a terminal, a line a batch elsewhere; both on stderr."""
    console = PlainConsole(stderr=True)
    if not console.is_terminal:
        yield lambda progress: say(
            f"{progress.done} of {progress.pending}, resume token {progress.resume_after}", err=True
        )
        return
    columns = (TextColumn("backfill"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("backfill", total=None)
        yield lambda progress: bar.update(task, completed=progress.done, total=progress.pending)

"""`tailguard certificates`: move certificates from the local disk to S3, and prove that none was lost or changed."""

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
from perf.commands.certificates_target import bucket_options, open_bucket, open_target, places
from reference.certificates.backfill import Backfill, BackfillPlan, BackfillProgress
from reference.certificates.consistency import SHARE, ConsistencyCheck, ConsistencyReport
from reference.certificates.flags import BACKFILL, Flags
from reference.certificates.lifecycle import Lifecycle
from tailguard.kit import NumberRange, PlainConsole, say

EXIT_BROKEN, EXIT_INTERRUPTED = 65, 130
_DEFAULT = BackfillPlan()


@click.group()
def certificates() -> None:
    """Certificates from the local disk to S3: docs/how-to/certificates-s3-cutover.md."""


@certificates.command()
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
    return EXIT_BROKEN if progress.failed else 0 if progress.finished else EXIT_INTERRUPTED


@certificates.command()
@places
@click.option("--all", "everything", is_flag=True, help="Read every certificate back, not a sample.")
@click.option(
    "--share", default=SHARE, show_default=True, type=NumberRange(0.000_001, 1),
    help="Share of the certificates to read back.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(0, 2**53), default=1, show_default=True, help="Seed of the sample."
)
def check(*, everything: bool, share: float, seed: int, as_json: bool, **where: Any) -> int:
    """Compare rows, local disk and S3: counts, what is missing, orphans, and a sample read back by SHA-256.

    Exit code 65 if anything is wrong.
    """
    with open_target(**where) as target:
        share = 1.0 if everything else share
        report = ConsistencyCheck(target.database, target.local, target.s3, share, seed).run()
    if as_json:
        say(json.dumps(asdict(report) | {"clean": report.clean}, ensure_ascii=False))
    else:
        say_report(report)
    return 0 if report.clean else EXIT_BROKEN


@certificates.command()
@click.argument("verb", metavar="show|write|check", type=click.Choice(["show", "write", "check"]))
@bucket_options
def lifecycle(*, verb: str, s3_endpoint: str | None, bucket: str | None, prefix: str, as_json: bool) -> int:
    """Show, write or check the bucket's policy: infrequent access after 30 days, the archive after 365.

    Rules for other keys stay as they are. Exit code 65 if a check finds something, or the server keeps no such policy.
    """
    with open_bucket(s3_endpoint, bucket) as (client, name):
        policy = Lifecycle(client, name, prefix)
        if verb == "write":
            policy.write()
        rules, problems = policy.rules(), policy.problems()
    if as_json:
        say(json.dumps({"rules": rules, "problems": problems}, default=str))
    else:
        say(*(json.dumps(rule, default=str) for rule in rules) if verb == "show" else ())
        say(*problems or ("The policy is as it should be.",))
    return EXIT_BROKEN if problems and verb != "show" else 0


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


def say_report(report: ConsistencyReport) -> None:
    """Say what a check found."""
    say(
        f"{report.rows} rows, {report.marked} of them on S3; {report.local_objects} files, "
        f"{report.s3_objects} objects; {report.spot_checked} read back by SHA-256: "
        f"{'clean' if report.clean else 'NOT CLEAN'}"
    )
    for name, keys in asdict(report.findings).items():
        for key in keys:
            say(f"  {name.replace('_', ' ')}: {key}")


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

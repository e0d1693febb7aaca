"""`tailguard certificates check`: rows, disk and S3 against each other."""

import json
from dataclasses import asdict
from typing import Any

import click

from perf.commands.certificates.target import open_target, places
from reference.certificates.consistency import SHARE, ConsistencyCheck, ConsistencyReport
from tailguard.kit import NumberRange, State, say


@click.command()
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
    return 0 if report.clean else State.INVALID.exit_code


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

"""`tailguard soak`: the load of hours or days, with standbys that take over."""

import sys
from collections.abc import Sequence
from typing import Any

import click

from tailguard.cli.run import named
from tailguard.config.asked_suite import asked_suite
from tailguard.config.merge import load_config

MOST_PER_SEGMENT = 100_000_000


@click.command()
@click.argument("paths", nargs=-1, metavar="[FILE|FOLDER|MODULE][::SCENARIO]...")
@click.option(
    "--hours",
    type=click.FloatRange(0.0002, 8784),
    default=72.0,
    show_default=True,
    help="Length of the soak.",
)
@click.option(
    "--standby",
    is_flag=True,
    help="Take over the soak under way in the runs' folder when its leader falls silent.",
)
@click.option("--profile", help="smoke (default), ci, full, or one of your own.")
@click.option(
    "--config", "file", type=click.Path(), help="Configuration file (default: ./tailguard.toml if there)."
)
@click.option("--scenario", "scenarios", multiple=True, help="Measure only this one; may be given again.")
@click.option(
    "--set", "sets", multiple=True, metavar="KEY=VALUE", help="Set any key of `tailguard config show`."
)
@click.option("--rate", help="Load of each scenario: 50/s.")
@click.option("--seed", type=click.IntRange(0, 2**53), help="Seed of the schedules and the data.")
@click.option("--dsn", help="Your PostgreSQL (default: DATABASE_URL, PG*, else an embedded one).")
@click.option("--s3-endpoint", help="Your S3 (with the usual AWS variables; default: an embedded one).")
@click.option("--target", metavar="URL", help="Your service, which runs already: http://host:port.")
@click.option("--platform", help="in-process (default), http, or an adapter of yours: package.module:Name.")
@click.option(
    "--objective", "limits", multiple=True, metavar="LIMIT",
    help="Additional limit: 'checkout p95 <= 250ms', 'SCENARIO: error rate < 1%'; may be given again.",
)  # fmt: skip
@click.option("--objectives", type=click.Path(), help="Objectives file (default: slo/objectives.toml).")
@click.option("--runs-dir", type=click.Path(), help="Where run folders go (default: runs).")
def soak(
    paths: Sequence[str],
    file: str | None,
    profile: str | None,
    sets: Sequence[str],
    limits: Sequence[str],
    *,
    hours: float,
    standby: bool,
    **flags: Any,
) -> int:
    """Run the scenarios for hours or days in segments of a minute; judge all of it, each window, and every drift.

    Memory and disk stay bounded: counters are kept for ever, samples for an hour. A leader holds a lease in PostgreSQL;
    a --standby with the same configuration and runs' folder takes over when the leader dies. [soak] in the
    configuration states the limits of windows and drifts.
    """
    suite = asked_suite(paths, file) if paths else None
    given = named(flags)
    config = load_config(profile, file=file, sets=sets, flags=given, suite=suite)
    # What is planned at once is one segment.
    given |= {"load.max_seconds": config.soak.segment_s, "load.max_samples": MOST_PER_SEGMENT}
    config = load_config(profile, file=file, sets=sets, flags=given, suite=suite)
    from tailguard.soak.session import soak_session

    return soak_session(config, ["tailguard", *sys.argv[1:]], limits, hours * 3600, standby=standby)

"""`tailguard soak`: the load of hours or days, with standbys that take over."""

import sys
from collections.abc import Sequence
from typing import Any

import click

from tailguard.cli.suite_options import measuring_options, named
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
@measuring_options
@click.option("--rate", help="Load of each scenario: 50/s.")
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

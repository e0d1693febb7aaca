"""`tailguard run`: measure, judge, prove the migrations, report."""

import sys
from collections.abc import Sequence
from typing import Any

import click

from tailguard.cli.number_range import NumberRange
from tailguard.cli.suite_options import measuring_options, named
from tailguard.config.asked_suite import asked_suite
from tailguard.config.merge import load_config


@click.command()
@click.argument("paths", nargs=-1, metavar="[FILE|FOLDER|MODULE][::SCENARIO]...")
@click.option("--profile", help="smoke (default), ci, full, chaos, or one of your own.")
@measuring_options
@click.option(
    "--rate", help="Load of each scenario: 50/s, 'ramp 10/s to 200/s', '50/s for 10s, 100/s for 20s'."
)
@click.option("--duration", metavar="SECONDS", help="Most seconds of each scenario, such as 30s or 2m.")
@click.option(
    "--strict", is_flag=True, default=None, help="An objective that its budget cannot decide is an error."
)
@click.option(
    "--migrations/--no-migrations", default=None, help="Prove the index migrations too (default: yes)."
)
@click.option(
    "--control", is_flag=True,
    help="Take orders of `tailguard control`; it ends when its time is up, not when its limits are decided.",
)  # fmt: skip
@click.option(
    "--replay",
    metavar="FILE",
    help="Send the requests that `tailguard shadow --record` wrote, at their times.",
)
@click.option(
    "--speed",
    type=NumberRange(0.001, 1000),
    default=1.0,
    show_default=True,
    help="With --replay: how much faster.",
)
@click.option("--who", is_flag=True, help="Name the user and the host in run.json and in the report.")
def run(
    paths: Sequence[str],
    file: str | None,
    profile: str | None,
    sets: Sequence[str],
    limits: Sequence[str],
    *,
    control: bool,
    who: bool,
    replay: str | None,
    speed: float,
    **flags: Any,
) -> int:
    """Measure the scenarios of a file, a folder or, without one, of the whole suite; judge them, write the report."""
    given, suite = named(flags), None
    if replay is not None:
        from tailguard.http.recorded.replay import replayed

        suite, load = replayed(replay, speed, paths, given)
        given |= load
    elif paths:
        suite = asked_suite(paths, file)
    config = load_config(profile, file=file, sets=sets, flags=given, suite=suite)
    from tailguard.pipeline.control.source import Orders
    from tailguard.pipeline.session import run_session

    orders = Orders() if control else None
    return run_session(config, ["tailguard", *sys.argv[1:]], limits, orders, who=who)

"""`tailguard preflight`: each step once, before a load test asks it thousands of times."""

from collections.abc import Sequence

import click

from tailguard.cli.suite_options import config_option
from tailguard.config.asked_suite import asked_suite
from tailguard.config.merge import load_config


@click.command()
@click.argument("paths", nargs=-1, metavar="[FILE|FOLDER|MODULE][::SCENARIO]...")
@config_option
@click.option("--scenario", "scenarios", multiple=True, help="Try only this one; may be given again.")
@click.option("--target", metavar="URL", help="Your service, which runs already: http://host:port.")
@click.option(
    "--burst",
    default=20,
    show_default=True,
    type=click.IntRange(0, 500),
    help="More iterations of each scenario, eight at once, to see what a limiter does.",
)
def preflight(
    paths: Sequence[str], file: str | None, scenarios: Sequence[str], target: str | None, burst: int
) -> int:
    """Try each step of the scenarios once: does it answer as expected? Its requests are real, and so are its writes.

    \b
    Exit codes: 0 ready, 65 a step failed or is throttled, 64 usage, or nobody can log in.
    """
    from tailguard.pipeline.preflight import ONCE, preflight, show_checks

    suite = asked_suite(paths, file) if paths else None
    given = {"target.url": target, "scenarios": list(scenarios) or None}
    config = load_config(file=file, flags={**ONCE, **given}, suite=suite)
    return show_checks(preflight(config, burst))

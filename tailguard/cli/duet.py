"""`tailguard duet`: baseline and candidate side by side on this machine; is the candidate slower?"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from tailguard.base.errors import UsageError
from tailguard.cli.number_range import NumberRange
from tailguard.cli.suite_options import config_option, dsn_option, set_option
from tailguard.config.asked_suite import asked_suite
from tailguard.config.merge import load_config
from tailguard.duet.side_spec import SideSpec


@click.command()
@click.argument("paths", nargs=-1, metavar="[FILE|FOLDER|MODULE][::SCENARIO]...")
@click.option("--baseline-ref", default="", help="Commit to compare with, such as origin/main.")
@click.option("--baseline-folder", default="", help="Folder with the baseline's code.")
@click.option(
    "--baseline-platform", default="", help="Platform adapter of the baseline, package.module:Name."
)
@click.option(
    "--baseline-env", multiple=True, metavar="NAME=VALUE", help="Variable of the baseline's processes."
)
@click.option(
    "--baseline-url", default="", help="Server of the baseline, which runs already: http://host:port."
)
@click.option(
    "--baseline-command",
    default="",
    metavar="'CMD {port}'",
    help="Command that serves the baseline; started for each block.",
)
@click.option("--candidate-ref", default="", help="Commit to judge (default: the work tree as it is).")
@click.option("--candidate-folder", default="", help="Folder with the candidate's code.")
@click.option("--candidate-platform", default="", help="Platform adapter of the candidate.")
@click.option(
    "--candidate-env", multiple=True, metavar="NAME=VALUE", help="Variable of the candidate's processes."
)
@click.option("--candidate-url", default="", help="Server of the candidate, which runs already.")
@click.option(
    "--candidate-command", default="", metavar="'CMD {port}'", help="Command that serves the candidate."
)
@click.option(
    "--target",
    type=click.Path(),
    help="TOML file with the servers' routes, log-in and data (default: ./tailguard.toml).",
)
@click.option(
    "--pairs", type=click.IntRange(1, 10_000), default=40, show_default=True, help="Pairs of blocks at most."
)
@click.option(
    "--minutes",
    type=NumberRange(0.1, 10_080),
    default=30.0,
    show_default=True,
    help="Budget of time.",
)
@click.option(
    "--calibrate",
    is_flag=True,
    help="Test the gate on this machine: with the same code, then with code made 10 % slower.",
)
@click.option("--profile", help="Size of a block (default: duet, and duet_http between servers).")
@config_option
@click.option("--scenario", "scenarios", multiple=True, help="Compare only this one; may be given again.")
@set_option
@dsn_option
def duet(paths: Sequence[str], **flags: Any) -> int:
    """Measure baseline and candidate in turns, in pairs of fresh processes, and say whether the candidate is slower.

    Both sides are measured with the scenarios of a file, a folder or, without one, of the whole suite, as they are in
    the work tree; the code that they call is each side's own.

    Exits 0 if no metric became slower, 99 if one did, 75 if the budget could not tell, 65 if a side kept failing or an
    invariant broke.
    """
    from tailguard.duet.session import run_duet
    from tailguard.duet.sides import sides_from
    from tailguard.record.duet import Budget

    baseline, candidate = (_spec(side, flags) for side in ("baseline", "candidate"))
    servers = baseline.server or candidate.server
    given = {
        "database.dsn": flags["dsn"],
        "scenarios": list(flags["scenarios"]) or None,
        "platform": "http" if servers else None,
    }
    profile = flags["profile"] or ("duet_http" if servers else "duet")
    suite = asked_suite(paths, flags["file"]) if paths else None
    config = load_config(profile, file=flags["file"], sets=flags["sets"], flags=given, suite=suite)
    budget = Budget(pairs=flags["pairs"], minutes=flags["minutes"])
    command = ["tailguard", *sys.argv[1:]]
    if flags["calibrate"]:
        from tailguard.duet.calibration import calibrate

        return calibrate(config, budget, command)
    run = run_duet(config, sides_from(baseline, candidate), budget, command, flags["target"])
    return run.record.deserved_exit_code


def _spec(side: str, flags: Mapping[str, Any]) -> SideSpec:
    ref, folder, platform = (flags[f"{side}_{name}"] for name in ("ref", "folder", "platform"))
    url, command = flags[f"{side}_url"], flags[f"{side}_command"]
    return SideSpec(ref, folder, platform, _variables(flags[f"{side}_env"]), url, command)


def _variables(assignments: Sequence[str]) -> dict[str, str]:
    found = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or not name:
            raise UsageError(
                f"{name!r} is not a variable: write it as NAME=VALUE, such as TAILGUARD_FAULTS=delay_pct=10"
            )
        found[name] = value
    return found

"""`tailguard run`: measure, judge, prove the migrations, report."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from tailguard.config.asked_suite import asked_suite
from tailguard.config.merge import load_config
from tailguard.config.option import OptionValue
from tailguard.config.stated_load import stated_rate, stated_seconds


@click.command()
@click.argument("paths", nargs=-1, metavar="[FILE|FOLDER|MODULE][::SCENARIO]...")
@click.option("--profile", help="smoke (default), ci, full, chaos, or one of your own.")
@click.option(
    "--config", "file", type=click.Path(), help="Configuration file (default: ./tailguard.toml if there)."
)
@click.option("--scenario", "scenarios", multiple=True, help="Measure only this one; may be given again.")
@click.option(
    "--set", "sets", multiple=True, metavar="KEY=VALUE", help="Set any key of `tailguard config show`."
)
@click.option(
    "--rate", help="Load of each scenario: 50/s, 'ramp 10/s to 200/s', '50/s for 10s, 100/s for 20s'."
)
@click.option("--duration", metavar="SECONDS", help="Most seconds of each scenario, such as 30s or 2m.")
@click.option("--seed", type=click.IntRange(0, 2**53), help="Seed of the schedules and the data.")
@click.option("--dsn", help="Your PostgreSQL (default: DATABASE_URL, PG*, else an embedded one).")
@click.option("--s3-endpoint", help="Your S3 (with the usual AWS variables; default: an embedded one).")
@click.option("--target", metavar="URL", help="Your service, which runs already: http://host:port.")
@click.option("--platform", help="in-process (default), http, or your adapter: package.module:Name.")
@click.option(
    "--objective", "limits", multiple=True, metavar="LIMIT",
    help="Additional limit: 'checkout p95 <= 250ms', 'SCENARIO: error rate < 1%'; may be given again.",
)  # fmt: skip
@click.option("--objectives", type=click.Path(), help="Objectives file (default: slo/objectives.toml).")
@click.option("--runs-dir", type=click.Path(), help="Where run folders go (default: runs).")
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
    **flags: Any,
) -> int:
    """Measure the scenarios of a file, a folder or, without one, of the whole suite; judge them, write the report."""
    suite = asked_suite(paths, file) if paths else None
    config = load_config(profile, file=file, sets=sets, flags=named(flags), suite=suite)
    from tailguard.pipeline.control.source import Orders
    from tailguard.pipeline.session import run_session

    orders = Orders() if control else None
    return run_session(config, ["tailguard", *sys.argv[1:]], limits, orders, who=who)


def named(flags: Mapping[str, Any]) -> dict[str, OptionValue]:
    """Return the flags that were given, under the keys that they set."""
    keys = {
        "seed": "seed",
        "dsn": "database.dsn",
        "s3_endpoint": "s3.endpoint",
        "target": "target.url",
        "platform": "platform",
        "objectives": "objectives",
        "runs_dir": "runs_dir",
        "strict": "strict",
        "migrations": "migrations.run",
    }
    given: dict[str, OptionValue] = {
        key: flags[name] for name, key in keys.items() if flags.get(name) is not None
    }
    if flags.get("scenarios"):
        given["scenarios"] = list(flags["scenarios"])
    if flags.get("rate"):
        given |= {f"load.{key}": value for key, value in stated_rate(flags["rate"]).items()}
    if flags.get("duration"):
        given["load.max_seconds"] = stated_seconds(flags["duration"])
    return given

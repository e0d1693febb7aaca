"""Options that several commands have of the suite they measure, and the keys that they set."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar  # click's own keyword arguments

import click

from tailguard.config.option import OptionValue
from tailguard.config.stated_load import stated_rate, stated_seconds

_Command = TypeVar("_Command", bound=Callable[..., Any])

config_option = click.option(
    "--config", "file", type=click.Path(), help="Configuration file (default: ./tailguard.toml if there)."
)
set_option = click.option(
    "--set", "sets", multiple=True, metavar="KEY=VALUE", help="Set any key of `tailguard config show`."
)
dsn_option = click.option("--dsn", help="Your PostgreSQL (default: DATABASE_URL, PG*, else an embedded one).")
runs_dir_option = click.option("--runs-dir", type=click.Path(), help="Where run folders go (default: runs).")

_MEASURING = (
    config_option,
    click.option("--scenario", "scenarios", multiple=True, help="Measure only this one; may be given again."),
    set_option,
    click.option("--seed", type=click.IntRange(0, 2**53), help="Seed of the schedules and the data."),
    dsn_option,
    click.option("--s3-endpoint", help="Your S3 (with the usual AWS variables; default: an embedded one)."),
    click.option("--target", metavar="URL", help="Your service, which runs already: http://host:port."),
    click.option("--platform", help="in-process (default), http, or your adapter: package.module:Name."),
    click.option(
        "--objective", "limits", multiple=True, metavar="LIMIT",
        help="Additional limit: 'checkout p95 <= 250ms', 'SCENARIO: error rate < 1%'; may be given again.",
    ),
    click.option("--objectives", type=click.Path(), help="Objectives file (default: slo/objectives.toml)."),
    runs_dir_option,
)  # fmt: skip

_KEYS = {
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


def measuring_options(command: _Command) -> _Command:
    """Add the options of a command that measures and judges a suite."""
    for option in reversed(_MEASURING):
        command = option(command)
    return command


def named(flags: Mapping[str, Any]) -> dict[str, OptionValue]:
    """Return the flags that were given, under the keys that they set."""
    given: dict[str, OptionValue] = {
        key: flags[name] for name, key in _KEYS.items() if flags.get(name) is not None
    }
    if flags.get("scenarios"):
        given["scenarios"] = list(flags["scenarios"])
    if flags.get("rate"):
        given |= {f"load.{key}": value for key, value in stated_rate(flags["rate"]).items()}
    if flags.get("duration"):
        given["load.max_seconds"] = stated_seconds(flags["duration"])
    return given

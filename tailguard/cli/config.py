"""`tailguard config show`: every value of the configuration, with the place it came from."""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from tailguard.base.output.streams import say
from tailguard.config.merge import Config, load_config
from tailguard.config.settings import Setting

VALUE_WIDTH = 24  # of the column of values; most are shorter


@click.group()
def config() -> None:
    """Show the configuration and where each value comes from."""


@config.command()
@click.option("--profile", help="smoke (default), ci, full, chaos, duet, or one of your own.")
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    help="Configuration file (default: ./tailguard.toml).",
)
@click.option(
    "--set", "sets", multiple=True, metavar="KEY=VALUE", help="Set a key; may be given more than once."
)
@click.option("--explain", is_flag=True, help="Say what each key means.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def show(
    profile: str | None, file: Path | None, sets: Sequence[str], *, explain: bool, as_json: bool
) -> None:
    """Print each value with its source.

    \b
    Merge order, later wins:
    defaults < what a scenario states < profile < tailguard.toml or --config < TAILGUARD_... < flags < --set.
    A variable writes a dot as two underscores: TAILGUARD_LOAD__RATE_PER_S is load.rate_per_s.
    """
    merged = load_config(profile, file=file, sets=sets)
    if merged.suite:
        from tailguard.pipeline.opened_suite import open_suite

        merged, _ = open_suite(merged)
    say(*(_as_json(merged).split("\n") if as_json else _as_table(merged, explain=explain)))


def _as_json(merged: Config) -> str:
    values = {
        name: {
            "value": setting.option.shown(setting.value),
            "source": setting.source,
            "about": setting.option.about,
        }
        for name, setting in merged.settings.items()
    }
    record = {"profile": merged.profile, "sha256": merged.sha256, "values": values}
    return json.dumps(record, ensure_ascii=False, indent=1)


def _as_table(merged: Config, *, explain: bool) -> list[str]:
    names = max(len(name) for name in merged.settings)
    lines = [f"profile {merged.profile}, sha256 {merged.sha256[:12]}", ""]
    for name, setting in merged.settings.items():
        first, *more = _shown_lines(setting)
        lines.append(f"{name:<{names}}  {first:<{VALUE_WIDTH}}  {setting.source}")
        lines += [f"{'':<{names}}  {value}" for value in more]
        if explain and setting.option.about:
            lines.append(f"{'':<{names}}  # {setting.option.about}")
    return lines


def _shown_lines(setting: Setting) -> list[str]:
    """The value as TOML would have it; a list takes a line for each item, lest it push the source off the screen."""
    value = setting.option.shown(setting.value)
    if value is None:
        return ["(unset)"]
    if not isinstance(value, list) or not value:
        return [json.dumps(value, ensure_ascii=False)]
    items = [json.dumps(item, ensure_ascii=False) for item in value]
    return [
        f"{'[' if i == 0 else ' '}{item}{']' if i == len(items) - 1 else ','}" for i, item in enumerate(items)
    ]

"""`tailguard config`: every value with the place it came from; change one, write all down, compare two runs."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from tailguard.base.errors import UsageError
from tailguard.base.output.streams import say
from tailguard.config.layers import flatten
from tailguard.config.merge import Config, load_config
from tailguard.config.settings import Setting
from tailguard.config.suite_table import FILE_NAME, find_file
from tailguard.record.files import write_file
from tailguard.record.part import Json

VALUE_WIDTH = 24  # of the column of values; most are shorter


_profile_option = click.option(
    "--profile", help="smoke (default), ci, full, chaos, duet, or one of your own."
)
_file_option = click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    help="Configuration file (default: ./tailguard.toml).",
)
_set_option = click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set a key, or add to a list with KEY+=VALUE; may be given more than once.",
)


@click.group()
def config() -> None:
    """Show the configuration and where each value comes from; change it, write it down, compare it."""


@config.command()
@_profile_option
@_file_option
@_set_option
@click.option("--changed", is_flag=True, help="Leave out the defaults.")
@click.option("--explain", is_flag=True, help="Say what each key means.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def show(
    profile: str | None,
    file: Path | None,
    sets: Sequence[str],
    *,
    changed: bool,
    explain: bool,
    as_json: bool,
) -> None:
    """Print each value with its source.

    \b
    Merge order, later wins:
    defaults < what a scenario states < profile < tailguard.toml or --config < TAILGUARD_... < flags < --set.
    A variable writes a dot as two underscores: TAILGUARD_LOAD__RATE_PER_S is load.rate_per_s.
    A later list replaces an earlier one, unless it is added: "scenarios+" = ["mine"], --set scenarios+=mine.
    """
    merged = _merged(profile, file, sets)
    shown = {
        name: setting
        for name, setting in merged.settings.items()
        if not changed or setting.source != "default"
    }
    say(*(_as_json(merged, shown).split("\n") if as_json else _as_table(merged, shown, explain=explain)))


@config.command("set")
@click.argument("key")
@click.argument("value")
@click.option("--profile", help="Set it in [profile.NAME] alone.")
@_file_option
def set_(key: str, value: str, profile: str | None, file: Path | None) -> None:
    """Write VALUE at the dotted KEY of the configuration file; comments and order are kept.

    The value is checked first. The file is replaced as a whole, so a crash leaves the old one.
    """
    from tailguard.config.edited import with_value

    path = (find_file(file) or Path(FILE_NAME)).resolve()
    setting = load_config(file=path if path.exists() else None, sets=[f"{key}={value}"]).settings[key]
    write_file(path, with_value(path, key, setting.value, profile))
    say(f"{path}: {key} = {json.dumps(setting.option.shown(setting.value), ensure_ascii=False)}")


@config.command()
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
@_profile_option
@_file_option
@_set_option
def freeze(target: Path, profile: str | None, file: Path | None, sets: Sequence[str]) -> None:
    """Write every value into FILE, so that later defaults and profiles change nothing. Secrets are left out.

    FILE must be new and, in a suite, be beside its tailguard.toml. `tailguard run --config FILE` plays it.
    """
    from tailguard.config.edited import frozen_text

    merged = _merged(profile, file, sets)
    if target.exists():
        raise UsageError(f"{target} is already there. Name a new file.")
    if merged.suite and target.absolute().parent.resolve() != merged.suite.root:
        raise UsageError(
            f"{target}: the paths in [suite] are named from {merged.suite.root}. Name a file in it."
        )
    text, secrets = frozen_text(merged)
    write_file(target, text)
    say(
        f"{target} holds the values of profile {merged.profile}. Play it with `tailguard run --config {target}`."
    )
    if secrets:
        say(f"Not in it, because they are secrets: {', '.join(secrets)}. Set them in the environment.")


@config.command()
@click.argument("before", metavar="RUN")
@click.argument("after", metavar="RUN")
@click.option(
    "--runs-dir", type=click.Path(), help="Where runs are looked for (default: the configured runs_dir)."
)
def diff(before: str, after: str, runs_dir: str | None) -> None:
    """Print the values that differ between two runs. RUN is a folder, an id, `latest` or a date."""
    from tailguard.record.run import Run

    folder = runs_dir or load_config().runs_dir
    left, right = (Run.load(run, folder).record for run in (before, after))
    values = [dict(flatten(record.config.value)) for record in (left, right)]
    lines = [
        f"{name}: {_told(values[0], name)} -> {_told(values[1], name)}"
        for name in dict.fromkeys([*values[0], *values[1]])
        if values[0].get(name) != values[1].get(name)
    ]
    say(*(lines or [f"The configurations are the same (sha256 {left.config_sha256[:12]})."]))


def _told(values: Mapping[str, Json], name: str) -> str:
    return json.dumps(values[name], ensure_ascii=False) if values.get(name) is not None else "(unset)"


def _merged(profile: str | None, file: Path | None, sets: Sequence[str]) -> Config:
    """Return the configuration with what the suite's scenarios state, if there is a suite."""
    merged = load_config(profile, file=file, sets=sets)
    if merged.suite:
        from tailguard.pipeline.opened_suite import open_suite

        merged, _ = open_suite(merged)
    return merged


def _as_json(merged: Config, shown: Mapping[str, Setting]) -> str:
    values = {
        name: {
            "value": setting.option.shown(setting.value),
            "source": setting.source,
            "about": setting.option.about,
        }
        for name, setting in shown.items()
    }
    record = {"profile": merged.profile, "sha256": merged.sha256, "values": values}
    return json.dumps(record, ensure_ascii=False, indent=1)


def _as_table(merged: Config, shown: Mapping[str, Setting], *, explain: bool) -> list[str]:
    names = max((len(name) for name in shown), default=0)
    lines = [f"profile {merged.profile}, sha256 {merged.sha256[:12]}", ""]
    for name, setting in shown.items():
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

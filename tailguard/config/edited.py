"""A configuration file with one value changed, or with all of them written down; comments and order are kept."""

from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any  # TOML's values, checked by the merge

import tomlkit

from tailguard.base.errors import UsageError
from tailguard.config.merge import Config
from tailguard.config.settings import key_path
from tailguard.config.suite_table import read_table


def with_value(file: Path, key: str, value: object, profile: str | None = None) -> str:
    """Return the text of `file`, which need not be there yet, with `value` at the dotted `key`.

    With `profile` the key is set in [profile.NAME] alone.

    Raises UsageError if something other than a table is on the way to the key.
    """
    text, prefix = read_table(file)[1:] if file.exists() else ("", "")
    document = tomlkit.parse(text)
    inside = [*prefix.split("."), *(["profile", profile] if profile else [])]
    try:
        _put(document, [*filter(None, inside), *key_path(key)], value)
    except TypeError as error:
        raise UsageError(f"{file}: {error}, so {key} cannot be set below it.") from error
    return tomlkit.dumps(document)


def frozen_text(config: Config) -> tuple[str, list[str]]:
    """Return a file that sets every key which has a value, and the names of the secrets, which it leaves out.

    All else of the suite's own file is copied: [suite], [target], [rows], the steps of declared scenarios.
    """
    secrets = [name for name, setting in config.settings.items() if setting.option.secret and setting.value]
    source = config.suite.existing_file if config.suite else None
    tables: dict[str, Any] = read_table(source)[0] if source else {}
    tables.pop("profile", None)
    # A profile of the user's own is not in this file.
    if config.merge and config.profile in config.merge.keys["profile"]:
        tables["profile"] = config.profile
    for name, setting in config.settings.items():
        if setting.value is not None:
            _put(tables, key_path(name), "" if name in secrets else setting.value)
    comments = [f"# {name} is a secret: set it in the environment.\n" for name in secrets]
    head = f"# Frozen from profile {config.profile}, sha256 {config.sha256[:12]}.\n"
    return head + "".join(comments) + tomlkit.dumps(tables), secrets


def _put(table: MutableMapping[str, Any], path: Sequence[str], value: object) -> None:
    """Set a value below tables, which are made if they are missing; raise TypeError if one is something else."""
    *tables, last = path
    for depth, name in enumerate(tables, start=1):
        if name not in table:
            table[name] = tomlkit.table(is_super_table=depth < len(tables))
        if not isinstance(table[name], MutableMapping):
            raise TypeError(f"{'.'.join(tables[:depth])} is {table[name]!r}, not a table")
        table = table[name]
    table[last] = value

"""Tables of a mapping's TOML, each key and value checked: a mistake is named with its place."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TypeAlias

import tailguard as tg
from perf.platform import RowId
from tailguard.kit import read_toml

# What TOML and JSON know.
Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Table: TypeAlias = dict[str, Json]
Row: TypeAlias = Mapping[str, RowId]
# What a place of a text stands for: a value, or a pool's row.
Values: TypeAlias = Mapping[str, RowId | Row]

_HTTP = range(100, 600)


def read_target(path: Path) -> Table | None:
    """Return the [target] of a TOML file, None if it has none. Raises UsageError for a file that cannot be read."""
    file = read_toml(path)[0]
    return table_of(file["target"], f"{path}: [target]") if "target" in file else None


def table_of(value: object, where: str, known: Collection[str] = ()) -> Table:
    """Return a table. Raises UsageError if it is not one, or has a key that is not `known` (empty: any)."""
    if not isinstance(value, dict):
        raise tg.UsageError(f"{where} is {value!r}; it is a table")
    for key in value:
        if known and key not in known:
            raise tg.UsageError(f"{where}: {key!r} is unknown.{nearest(key, known)}")
    return {str(key): _json(item, f"{where}: {key}") for key, item in value.items()}


def tables_in(table: Table, name: str, where: str) -> dict[str, Table]:
    """Return the tables below a key, by their names."""
    return {
        each: table_of(inner, f"{where}.{each}")
        for each, inner in table_of(table.get(name, {}), where).items()
    }


def text_in(table: Table, name: str, default: str = "") -> str:
    """Return the text of a key."""
    return str(table.get(name, default))


def texts_in(table: Table, name: str, where: str) -> dict[str, str]:
    """Return the texts of a table below a key, such as headers."""
    return {each: str(text) for each, text in table_of(table.get(name, {}), f"{where}: {name}").items()}


def number_in(table: Table, name: str, default: float, where: str) -> float:
    """Return the number of a key. Raises UsageError for another value."""
    value = table.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise tg.UsageError(f"{where}: {name} is {value!r}; it is a number")
    return value


def statuses_in(table: Table, name: str, default: tuple[int, ...], where: str) -> tuple[int, ...]:
    """Return the HTTP statuses of a key. Raises UsageError for anything else."""
    if name not in table:
        return default
    value = table[name]
    statuses = [each for each in value if isinstance(each, int)] if isinstance(value, list) else []
    if statuses != value or not all(each in _HTTP for each in statuses):
        raise tg.UsageError(f"{where}: {name} is {value!r}; it is a list of statuses, such as [200, 201]")
    return tuple(statuses)


def nearest(word: str, known: Collection[str]) -> str:
    """Return ` Did you mean 'x'?` for the nearest of `known`, or all of them if none is near."""
    near = get_close_matches(word, known, n=1)
    return f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(sorted(known))}."


def _json(value: object, where: str) -> Json:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_json(item, where) for item in value]
    if isinstance(value, dict):
        return {str(key): _json(item, where) for key, item in value.items()}
    raise tg.UsageError(f"{where} is {value!r}; write it as a text")

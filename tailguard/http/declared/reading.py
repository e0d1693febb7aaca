"""From TOML to the types of the format: what is unknown is named with the nearest, what is wrong with file and line."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard, TypeVar, get_args

import msgspec

from tailguard.base.errors import UsageError
from tailguard.base.reading.toml_file import Toml
from tailguard.config.declared import Tables, declared_in, mixes_in, without_load
from tailguard.config.layers import line_of
from tailguard.config.option import did_you_mean
from tailguard.config.suite_table import read_table
from tailguard.config.tables import LoadOptions
from tailguard.http.declared.format import (
    Audience,
    Expect,
    Login,
    MixTable,
    RowsTable,
    ScenarioTable,
    Step,
    Table,
    TargetFile,
    TargetTable,
)
from tailguard.http.template import variables, with_environment
from tailguard.record.part import Json

T = TypeVar("T", bound=Table)

_AT = re.compile(r" - at `\$\.?([^`]*)`")
# What only those need who log in: it is filled in then.
_LATER = "login"


@dataclass(frozen=True, slots=True)
class Source:
    """A file that declares scenarios; `prefix` comes before its keys ("tool.tailguard.")."""

    file: Path
    text: str
    prefix: str

    def at(self, key: str) -> str:
        """Return file and line of a table or key, for messages."""
        return f"{self.file.name}, line {self.line(key)}"

    def line(self, key: str) -> int:
        """Return the line of a table or key, 1 if it is not found."""
        whole = re.escape(self.prefix + key).replace(r"\.", r"\s*\.\s*")
        header = re.search(rf"^\s*\[\s*{whole}\s*\]", self.text, re.MULTILINE)
        return self._line_at(header) if header else line_of(self.text, self.prefix + key)

    def line_of_step(self, scenario: str, number: int) -> int:
        """Return the line of the header of a scenario's step, counted from 0."""
        whole = re.escape(f"{self.prefix}scenario.{scenario}.steps").replace(r"\.", r"\s*\.\s*")
        headers = list(re.finditer(rf"^\s*\[\[\s*{whole}\s*\]\]", self.text, re.MULTILINE))
        return (
            self._line_at(headers[number])
            if number < len(headers)
            else self.line(f"scenario.{scenario}.steps")
        )

    def _line_at(self, found: re.Match[str]) -> int:
        return self.text.count("\n", 0, found.end()) + 1


def read_target_file(file: Path) -> tuple[TargetFile, Source]:
    """Return what a file declares, with the variables of the environment filled in, but for those of the log-in.

    Raises UsageError, with file and line, for an unknown key, a value of another type, or an unset variable.
    """
    tables, text, prefix = read_table(file)
    source = Source(file, text, prefix)
    declared = TargetFile(
        target=read_target(tables, source),
        rows={
            name: _table(table, RowsTable, f"rows.{name}", source)
            for name, table in _tables_of(tables, "rows", source)
        },
        scenario={name: _scenario(name, table, source) for name, table in declared_in(tables).items()},
        mix={
            name: _table(table, MixTable, f"mix.{name}", source) for name, table in mixes_in(tables).items()
        },
    )
    return declared, source


def read_target(tables: Tables, source: Source) -> TargetTable:
    """Return the [target] of a file's tables."""
    table = dict(_table_in(tables, "target", source))
    login = table.pop(_LATER, None)
    target = _table(table, TargetTable, "target", source)
    if target.url and target.command:
        raise UsageError(f"{source.at('target')}: [target]: give url or command, not both")
    if login is None:
        return target
    where = f"{source.at('target.login')}: [target.login]"
    return msgspec.structs.replace(target, login=login_in(login, where))


def login_in(table: object, where: str) -> Login:
    """Return the log-in of a table, its variables not filled in yet. Raises UsageError for what it cannot be."""
    kinds = {str(kind.__struct_config__.tag): kind for kind in get_args(Login)}
    kind = table.get("kind") if isinstance(table, dict) else table
    if not isinstance(kind, str) or kind not in kinds:
        raise UsageError(f"{where}: kind is {kind!r}; write one of {', '.join(kinds)}")
    found: Login = convert(table, kinds[kind], where, filled=False)
    return found


def _scenario(name: str, table: Tables, source: Source) -> ScenarioTable:
    own = without_load(table)
    where = f"{source.at(f'scenario.{name}')}: [scenario.{name}]"
    _refuse_unknown(own, [*_keys(ScenarioTable), *LoadOptions.__slots__], where)
    steps, audience = own.pop("steps"), own.pop("audience", None)
    assert isinstance(steps, list)  # else the scenario would not be declared
    shell = convert({**own, "steps": [{"name": "-"}]}, ScenarioTable, where)
    return msgspec.structs.replace(
        shell,
        steps=tuple(
            _step(
                step,
                f"{source.file.name}, line {source.line_of_step(name, number)}: step {number + 1} of {name}",
            )
            for number, step in enumerate(steps)
        ),
        audience=None
        if audience is None
        else _table(audience, Audience, f"scenario.{name}.audience", source),
    )


def _step(table: Toml, where: str) -> Step:
    if isinstance(table, dict) and isinstance(table.get("name"), str):
        where = f"{where}, {table['name']!r}"
    if isinstance(table, dict) and isinstance(expect := table.get("expect"), dict):
        _refuse_unknown(expect, _keys(Expect), f"{where}: expect")
    return convert(table, Step, where)


def _table(table: Toml, kind: type[T], name: str, source: Source) -> T:
    return convert(table, kind, f"{source.at(name)}: [{name}]")


def convert(table: object, kind: type[T], where: str, *, filled: bool = True) -> T:
    """Return a table as its type, with the variables of the environment `filled` in.

    Raises UsageError that names the key.
    """
    if not isinstance(table, dict):
        raise UsageError(f"{where} is {table!r}; it is a table")
    tag = kind.__struct_config__.tag_field
    _refuse_unknown(table, [*_keys(kind), *([tag] if tag else [])], where)
    values: dict[str, Json] = {key: value for key, value in table.items() if _is_json(value)}
    if dates := [key for key in table if key not in values]:
        raise UsageError(f"{where}: {dates[0]} holds a date or a time; write it as a text")
    if filled and any(variables(values)):
        values = {key: with_environment(value, where) for key, value in values.items()}
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        told = str(error)
        found = _AT.search(told)
        key = found[1] if found else ""
        raise UsageError(f"{where}{f': {key}' if key else ''}: {_AT.sub('', told)}") from None


def _is_json(value: object) -> TypeGuard[Json]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, bool | int | float | str | list | dict) and all(map(_is_json, inner))


def _keys(kind: type[Table]) -> list[str]:
    return [each.encode_name for each in msgspec.structs.fields(kind)]


def _refuse_unknown(table: Collection[str], known: Sequence[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise UsageError(f"{where}: unknown key {key!r}.{did_you_mean(key, known)}")


def _tables_of(tables: Tables, name: str, source: Source) -> Iterator[tuple[str, Toml]]:
    yield from _table_in(tables, name, source).items()


def _table_in(tables: Tables, name: str, source: Source) -> Tables:
    table = tables.get(name, {})
    if not isinstance(table, dict):
        raise UsageError(f"{source.at(name)}: {name} is {table!r}; it is a table")
    return table

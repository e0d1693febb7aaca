"""Statements of one's own in place of derived ones: a SQL file, each statement with examples of its parameters."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tailguard.base.errors import UsageError
from tailguard.migrations.checks import in_full
from tailguard.migrations.text.query import PARAMETERS, query_of
from tailguard.migrations.text.script import split
from tailguard.migrations.text.sql import read_sql
from tailguard.record.migration import Parameter

WROTE = "SELECT pg_catalog.pg_current_xact_id_if_assigned() IS NOT NULL"


@dataclass(frozen=True, slots=True)
class OwnStatement:
    """One statement; `examples` are the values of its parameters, used in turn."""

    where: str
    sql: str
    examples: Sequence[Mapping[str, Parameter]]

    def parameters(self, number: int) -> Mapping[str, Parameter]:
        """Return the parameters of an iteration."""
        return self.examples[number % len(self.examples)]


@dataclass(frozen=True, slots=True)
class OwnLoad:
    """Those that can be executed, by what they do, and what is said of the others."""

    writing: tuple[OwnStatement, ...] = ()
    reading: tuple[OwnStatement, ...] = ()
    left_out: tuple[str, ...] = ()


def read_load(path: Path) -> list[OwnStatement]:
    """Read a load file. Raises UsageError, naming the line, for what does not fit together, or no statement."""
    text = read_sql(path)
    try:
        found = [*split(text)]
    except UsageError as error:
        raise UsageError(f"{path}:{error}") from None
    if not found:
        raise UsageError(f"{path} has no statement.")
    lines = text.splitlines()
    return [_own(f"{path}:{one.line}", one.text, [*_above(lines, one.line)]) for one in found]


def tried(connection: psycopg.Connection[Any], statements: Sequence[OwnStatement]) -> OwnLoad:
    """Execute each once, and take it back, to see which of them write and which cannot be executed."""
    writing: list[OwnStatement] = []
    reading: list[OwnStatement] = []
    left_out: list[str] = []
    for statement in statements:
        try:
            with connection.transaction(force_rollback=True):
                connection.execute(statement.sql.encode(), statement.parameters(0))
                wrote = connection.execute(WROTE).fetchone() == (True,)
            (writing if wrote else reading).append(statement)
        except psycopg.Error as error:
            left_out.append(
                f"{statement.where} cannot be executed (SQLSTATE {error.sqlstate}): {in_full(error)}"
            )
    return OwnLoad(tuple(writing), tuple(reading), tuple(left_out))


def _own(where: str, sql: str, declared: Sequence[str]) -> OwnStatement:
    queries = [query_of(where, sql, each) for each in declared or ["{}"]]
    return OwnStatement(where, sql, [query.parameters for query in queries])


def _above(lines: Sequence[str], line: int) -> Iterator[str]:
    """Yield the parameters that are declared right above a statement, in the order of the lines."""
    first = line - 1
    while first > 0 and lines[first - 1].startswith("--"):
        first -= 1
    for each in lines[first : line - 1]:
        if found := PARAMETERS.match(each):
            yield found["json"]

"""Filling tables that nobody else sees yet: keys are built once at the end, not row by row; then all is analysed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from types import MappingProxyType
from typing import Any, LiteralString

from psycopg import Connection, sql

_SORT_MEMORY: LiteralString = "128MB"

# Foreign keys come last, for they may refer to a key of this very table.
_CONSTRAINTS = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = %s::regclass AND contype IN ('p', 'u', 'f') ORDER BY contype = 'f', conname
"""


def fill(
    connection: Connection[Any],
    steps: Mapping[str, LiteralString],
    tables: Sequence[LiteralString],
    parameters: Mapping[str, Any],
    large: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Execute the steps in one transaction, whose memory is for sorts and constraints, and analyse the `tables`.

    `large` names a table for each step that fills one whose keys are better built at the end.
    """
    with connection.transaction():
        connection.execute(
            f"SET LOCAL statement_timeout = 0; SET LOCAL work_mem = '{_SORT_MEMORY}';"
            f" SET LOCAL maintenance_work_mem = '{_SORT_MEMORY}'"
        )
        for name, statement in steps.items():
            with constraints_later(connection, large[name]) if name in large else nullcontext():
                connection.execute(statement, parameters)
        restart_identities(connection, tables)
    analyse(connection, tables)


@contextmanager
def constraints_later(connection: Connection[Any], table: str) -> Iterator[None]:
    """Take the table's keys away while the block fills it and add them again, checked over all rows.

    Within the caller's transaction: where anything fails, the table is as it was.
    """
    name = sql.Identifier(table)
    taken = connection.execute(_CONSTRAINTS, [table]).fetchall()
    for constraint, _ in reversed(taken):
        drop = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}")
        connection.execute(drop.format(name, sql.Identifier(constraint)))
    yield
    for constraint, definition in taken:
        add = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}")
        connection.execute(add.format(name, sql.Identifier(constraint), sql.SQL(definition)))


def restart_identities(connection: Connection[Any], tables: Sequence[LiteralString]) -> None:
    """Let new rows go on after the ones with explicit ids."""
    for table in tables:
        query: LiteralString = (
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), greatest(max(id), 1), max(id) IS NOT NULL)"
            f" FROM {table}"
        )
        connection.execute(query)


def analyse(connection: Connection[Any], tables: Sequence[LiteralString]) -> None:
    """Vacuum too: it sets the visibility map, so that the first reader does not pay for hint bits of the seed.

    The connection is in autocommit afterwards: VACUUM runs in no transaction.
    """
    connection.autocommit = True
    connection.execute("SET statement_timeout = 0")
    for table in tables:
        statement: LiteralString = f"VACUUM (ANALYZE) {table}"
        connection.execute(statement)

"""Filling tables that nobody else sees yet: keys are built once at the end, not row by row; then all is analysed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import Connection, sql

# Foreign keys come last, for they may refer to a key of this very table.
_CONSTRAINTS = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = %s::regclass AND contype IN ('p', 'u', 'f') ORDER BY contype = 'f', conname
"""


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


def analyse(conninfo: str, tables: Sequence[LiteralString]) -> None:
    """Vacuum too: it sets the visibility map, so that the first reader does not pay for hint bits of the seed."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SET statement_timeout = 0")
        for table in tables:
            statement: LiteralString = f"VACUUM (ANALYZE) {table}"
            connection.execute(statement)

"""The ledger: which migrations were applied here, and with which content. It records; the catalogue decides."""

import contextlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection, errors, sql

from tailguard.migrations.migration import Migration

LEDGER = "tailguard_migrations"
CREATE = """
CREATE TABLE {} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number text NOT NULL,
    slug text NOT NULL,
    action text NOT NULL CHECK (action IN ('up', 'down')),
    sha256 text NOT NULL,
    seconds double precision NOT NULL,
    recorded timestamptz NOT NULL DEFAULT now()
)
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """The last thing the ledger knows of a migration."""

    action: str
    sha256: str
    recorded: datetime


def open_ledger(connection: Connection[Any], schema: str) -> None:
    """Make sure that the ledger is there. Two runners may try at once: the second one finds it made.

    Raises psycopg.errors.InsufficientPrivilege if the role may not create tables in `schema`.
    """
    if _exists(connection, schema):
        return
    with contextlib.suppress(errors.DuplicateTable, errors.UniqueViolation):
        connection.execute(sql.SQL(CREATE).format(sql.Identifier(schema, LEDGER)))


def record(
    connection: Connection[Any], schema: str, migration: Migration, action: str, seconds: float
) -> None:
    """Record that a migration was applied or undone."""
    insert = sql.SQL("INSERT INTO {} (number, slug, action, sha256, seconds) VALUES (%s, %s, %s, %s, %s)")
    values = [migration.number, migration.slug, action, migration.sha256, seconds]
    connection.execute(insert.format(sql.Identifier(schema, LEDGER)), values)


def record_found(connection: Connection[Any], schema: str, migration: Migration) -> None:
    """Write down a migration that is applied although the ledger does not say so, as after a runner's death."""
    entry = last_entry(connection, schema, migration)
    if entry is None or entry.action != "up":
        record(connection, schema, migration, "up", 0.0)


def last_entry(connection: Connection[Any], schema: str, migration: Migration) -> Entry | None:
    """Return the newest entry of a migration, or None if it was never recorded here."""
    if not _exists(connection, schema):
        return None
    query = sql.SQL("SELECT action, sha256, recorded FROM {} WHERE slug = %s ORDER BY id DESC LIMIT 1")
    row = connection.execute(query.format(sql.Identifier(schema, LEDGER)), [migration.slug]).fetchone()
    return None if row is None else Entry(*row)


def _exists(connection: Connection[Any], schema: str) -> bool:
    query = "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = %s AND tablename = %s"
    return connection.execute(query, [schema, LEDGER]).fetchone() is not None

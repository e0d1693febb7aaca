"""The tables that a proof under load writes to: seeded ones, or a copy of the user's in Tailguard's own schema."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tailguard.base.errors import UsageError
from tailguard.config.merge import load_config
from tailguard.migrations.checks import told_plainly
from tailguard.migrations.index import find_table
from tailguard.migrations.migration import Migration
from tailguard.migrations.text.sql import folded, name_parts, read_sql, statements
from tailguard.postgres.database import Database, open_database, schema_on
from tailguard.postgres.location import address, connect, locate
from tailguard.postgres.restore import restore
from tailguard.postgres.server import embedded_postgres
from tailguard.proofs.load.copy import copy_rows
from tailguard.proofs.load.statements import PRIMARY_KEY
from tailguard.proofs.tables import table_maker

log = logging.getLogger(__name__)

MOST_TOLD = 5  # lines of what a restore refused: roles and extensions are usual, and a few lines are enough
# What a proof needs of a table goes along; defaults do not, for they may draw on your table's own sequence.
COPIED = "INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING INDEXES INCLUDING STORAGE INCLUDING STATISTICS"


@contextmanager
def prove_target(
    migration: Migration,
    rows: int,
    dsn: str | None,
    schema: str | None,
    folder: Path | None = None,
    dump: Path | None = None,
) -> Iterator[Database]:
    """Open a database whose tables the proof may write to, with about `rows` rows in the migration's table.

    A `folder` of migrations may bring tables of its own: `seed/*.sql`, with %(rows)s in place of their size.

    Raises UsageError if the table is not there, or names its schema (the proof works on a copy in another one).
    """
    if len(name_parts(migration.build.table)) > 1:
        raise UsageError(
            f"{migration.name}: {migration.build.table} names its schema. The proof works on a copy in a schema of its"
            " own: write the table's bare name and give --schema."
        )
    if dump is not None:
        with _restored(dump, schema or "public", migration, rows) as database, told_plainly():
            yield database
        return
    with open_database(dsn) as database:
        place = locate(dsn)
        if place is None:
            log.info("Seeding %s rows on an embedded PostgreSQL %s.", f"{rows:,}", database.version)
            _seed(database, migration, rows, sorted((folder or Path()).glob("seed/*.sql")) if folder else [])
        else:
            with database.connect() as connection:
                where = address(connection)
            log.info(
                "Copying up to %s of your rows to the schema %s at %s.", f"{rows:,}", database.schema, where
            )
            log.info("Your own table is only read; the load runs on this server all the same.")
            _copy(database, migration, rows, schema or _first_schema(place.conninfo))
        with told_plainly():
            yield database


@contextmanager
def _restored(dump: Path, schema: str, migration: Migration, rows: int) -> Iterator[Database]:
    """Restore a dump into an embedded server, and copy the table from it as from a user's own."""
    with embedded_postgres() as server:
        log.info("Restoring %s into an embedded PostgreSQL %s.", dump, server.version)
        refused = restore(dump, server)
        for line in refused[:MOST_TOLD]:
            log.info("  %s", line)
        if len(refused) > MOST_TOLD:
            log.info("  and %d more", len(refused) - MOST_TOLD)
        with schema_on(server.dsn, server=server) as database:
            log.info("Copying up to %s rows of it to the schema %s.", f"{rows:,}", database.schema)
            _copy(database, migration, rows, schema)
            yield database


def _seed(database: Database, migration: Migration, rows: int, files: Sequence[Path]) -> None:
    if files:
        with told_plainly(), database.connect() as connection:
            for statement in (one for file in files for one in statements(read_sql(file))):
                connection.execute(statement.encode(), {"rows": rows} if "%(rows)s" in statement else None)
            connection.execute("VACUUM ANALYZE")  # as autovacuum has done of a table in use
        return
    table_maker(load_config())(database.conninfo, table=folded(migration.build.table), rows=rows)


def _copy(database: Database, migration: Migration, rows: int, schema: str) -> None:
    """Copy the table, in the catalogue and in rows; new rows get keys above the copied ones."""
    with database.connect() as connection:
        named = sql.Identifier(schema, folded(migration.build.table))
        found = find_table(connection, named.as_string(connection))
        theirs, ours = sql.Identifier(found.schema, found.name), sql.Identifier(database.schema, found.name)
        connection.execute(sql.SQL("CREATE TABLE {} (LIKE {} {})").format(ours, theirs, sql.SQL(COPIED)))
        _number_new_rows(connection, ours, found.oid)
        copy_rows(connection, found.oid, theirs, ours, rows)


def _first_schema(conninfo: str) -> str:
    """Return the schema that the user's own connection looks in first."""
    with connect(conninfo) as connection:
        row = connection.execute("SELECT current_schema()").fetchone()
    if row is None or row[0] is None:
        raise UsageError(
            "The search path names no schema that exists. Name your tables' schema with --schema."
        )
    return str(row[0])


def _number_new_rows(connection: psycopg.Connection[Any], ours: sql.Identifier, source: int) -> None:
    """Give the copied primary key an identity of its own; the copied rows set where it goes on."""
    row = connection.execute(PRIMARY_KEY, [source]).fetchone()
    if row is None:
        return
    identity = sql.SQL("ALTER TABLE {} ALTER {} ADD GENERATED BY DEFAULT AS IDENTITY")
    connection.execute(identity.format(ours, sql.Identifier(row[0])))

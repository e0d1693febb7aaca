"""The tables that a proof under load writes to: seeded ones, or a copy of yours in a schema of our own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from deltacrown.database import create_tables
from deltacrown.seed import LEDGER_ROWS, MODERATION_ROWS, SeedSize, seed_histories
from perf.errors import UsageError
from perf.postgres.database import Database, open_database
from perf.postgres.index import find_table
from perf.postgres.location import locate
from perf.postgres.migration import Migration
from perf.postgres.migration_sql import folded

# What a proof needs of a table goes along; defaults do not, for they may draw on your table's own sequence.
COPIED = "INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING INDEXES INCLUDING STORAGE INCLUDING STATISTICS"


@contextmanager
def prove_target(
    migration: Migration, rows: int, dsn: str | None, schema: str | None, say: Callable[[str], None]
) -> Iterator[Database]:
    """Open a database whose tables the proof may write to, with about `rows` rows in the migration's table.

    Raises UsageError where the table is not there, or names its schema (the proof works on a copy in another one).
    """
    if "." in migration.build.table:
        raise UsageError(
            f"{migration.name}: {migration.build.table} names its schema. The proof works on a copy in a schema of its"
            " own: write the table's bare name and give --schema."
        )
    with open_database(dsn) as database:
        if locate(dsn) is None:
            say(f"Seeding {rows:,} rows on an embedded PostgreSQL {database.version}.")
            _seed(database, migration, rows)
        else:
            say(
                f"Copying up to {rows:,} rows of yours to the schema {database.schema} at {database.address}."
            )
            say("Your own table is only read; the load runs on this server all the same.")
            _copy(database, migration, rows, schema)
        yield database


def _seed(database: Database, migration: Migration, rows: int) -> None:
    sizes = {
        "economy_economytransaction": SeedSize(ledger_rows=rows, moderation_rows=MODERATION_ROWS),
        "support_moderationaction": SeedSize(ledger_rows=LEDGER_ROWS, moderation_rows=rows),
    }
    size = sizes.get(folded(migration.build.table))
    if size is None:
        raise UsageError(
            f"{migration.name}: the embedded server has no table {migration.build.table}."
            " Name your database with --dsn."
        )
    create_tables(database.conninfo)
    try:
        seed_histories(database.conninfo, size=size)
    except ValueError as error:
        raise UsageError(f"--rows {rows}: {error}.") from error


def _copy(database: Database, migration: Migration, rows: int, schema: str | None) -> None:
    """Copy the table, in the catalogue and in rows; new rows get keys above the copied ones."""
    with database.connect() as connection:
        source = schema or _first_schema(database)
        found = find_table(
            connection, sql.Identifier(source, folded(migration.build.table)).as_string(connection)
        )
        theirs, ours = sql.Identifier(found.schema, found.name), sql.Identifier(database.schema, found.name)
        connection.execute(sql.SQL("CREATE TABLE {} (LIKE {} {})").format(ours, theirs, sql.SQL(COPIED)))
        columns = sql.SQL(", ").join(map(sql.Identifier, _stored_columns(connection, found.oid)))
        insert = sql.SQL("INSERT INTO {ours} ({columns}) SELECT {columns} FROM {theirs} LIMIT %s")
        connection.execute(insert.format(ours=ours, theirs=theirs, columns=columns), [rows])
        _number_new_rows(connection, ours, found.oid)
        connection.execute(sql.SQL("VACUUM ANALYZE {}").format(ours))


def _first_schema(database: Database) -> str:
    """Return the schema that the user's own connection would look in first."""
    with psycopg.connect(database.conninfo_for('"$user",public'), autocommit=True) as connection:
        row = connection.execute("SELECT current_schema()").fetchone()
    if row is None or row[0] is None:
        raise UsageError(
            "The search path names no schema that exists. Name your tables' schema with --schema."
        )
    return str(row[0])


def _stored_columns(connection: psycopg.Connection[Any], table: int) -> list[str]:
    query = (
        "SELECT attname FROM pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped AND attgenerated = ''"
        " ORDER BY attnum"
    )
    return [name for (name,) in connection.execute(query, [table])]


def _number_new_rows(connection: psycopg.Connection[Any], ours: sql.Identifier, source: int) -> None:
    """Give the copied primary key an identity that goes on where the rows end."""
    row = connection.execute(
        "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]"
        " WHERE indrelid = %s AND indisprimary AND indnkeyatts = 1 AND atttypid = ANY('{int2,int4,int8}'::regtype[])",
        [source],
    ).fetchone()
    if row is None:
        return
    key = sql.Identifier(row[0])
    top = connection.execute(sql.SQL("SELECT coalesce(max({}), 0) + 1 FROM {}").format(key, ours)).fetchone()
    assert top is not None  # max() always has one row
    identity = "ALTER TABLE {} ALTER {} ADD GENERATED BY DEFAULT AS IDENTITY (START {})"
    connection.execute(sql.SQL(identity).format(ours, key, sql.Literal(top[0])))

"""The database that `tailguard migrate` works on: yours, or an embedded workbench that is kept from call to call."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from psycopg import Connection, sql

from tailguard.base.errors import UsageError
from tailguard.config.merge import load_config
from tailguard.migrations.checks import told_plainly
from tailguard.migrations.index import find_table
from tailguard.migrations.ledger import LEDGER
from tailguard.postgres.database import Database
from tailguard.postgres.location import address, connect, connect_to_catalogue, locate
from tailguard.postgres.server import embedded_postgres, workbench_dir
from tailguard.postgres.session import for_session
from tailguard.proofs.tables import MakeTables, table_maker

log = logging.getLogger(__name__)

WORKBENCH_SCHEMA = "workbench"
# The comment of the schema, written last: without it the seeding was interrupted, and is done again.
SEEDED = "seeded by tailguard"


@contextmanager
def migration_target(
    dsn: str | None, schema: str | None, tables: Sequence[str], ledger: str = LEDGER
) -> Iterator[Database]:
    """Open the user's database if one is named, else the workbench, and print which it is.

    Raises UsageError if it cannot be reached, or has no such schema.
    """
    place = locate(dsn)
    if place is not None:
        conninfo = for_session(place.conninfo, schema) if schema else place.conninfo
        with told_plainly(), connect(conninfo) as connection:
            found = _current_schema(connection, schema)
            version = str(connection.info.server_version // 10_000)
            where = address(connection)
            ledgers = " and ".join(f"{home}.{ledger}" for home in _homes(connection, tables) or [found])
        log.info("Database: %s (by %s), schema %s. The ledger is %s.", where, place.named_by, found, ledgers)
        with told_plainly():
            yield Database(conninfo, found, version, "yours")
        return
    if schema:
        raise UsageError(
            f"--schema {schema} is for your own database: name it with --dsn, DATABASE_URL or PG*."
        )
    make_tables = table_maker(load_config())
    with embedded_postgres(data_dir=workbench_dir("workbench")) as server:
        conninfo = for_session(server.dsn, WORKBENCH_SCHEMA)
        log.info("No database is named, so this is the workbench in %s.", workbench_dir("workbench"))
        _seed_once(server.dsn, make_tables)
        with told_plainly():
            yield Database(conninfo, WORKBENCH_SCHEMA, server.version, server.source, server.bin_dir)


def _current_schema(connection: Connection[tuple[object, ...]], schema: str | None) -> str:
    row = connection.execute("SELECT current_schema()").fetchone()
    if row is None or row[0] is None:
        named = (
            f"The schema {schema} does not exist" if schema else "The search path names no schema that exists"
        )
        raise UsageError(f"{named}. Name one with --schema.")
    return str(row[0])


def _homes(connection: Connection[tuple[object, ...]], tables: Sequence[str]) -> list[str]:
    """Return the schemas of the tables that are there, each once: a ledger stands beside its tables."""
    homes = set()
    for table in tables:
        with suppress(UsageError):  # reported where it matters, not in a line above
            homes.add(find_table(connection, table).schema)
    return sorted(homes)


def _seed_once(dsn: str, make_tables: MakeTables) -> None:
    with connect_to_catalogue(dsn) as connection:
        row = connection.execute(
            "SELECT pg_catalog.obj_description(pg_catalog.to_regnamespace(%s))", [WORKBENCH_SCHEMA]
        ).fetchone()
        if row == (SEEDED,):
            return
        log.info("Seeding it once.")
        name = sql.Identifier(WORKBENCH_SCHEMA)
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(name))
        make_tables(dsn, schema=WORKBENCH_SCHEMA)
        connection.execute(sql.SQL("COMMENT ON SCHEMA {} IS {}").format(name, sql.Literal(SEEDED)))

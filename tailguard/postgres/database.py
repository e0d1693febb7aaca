"""The database a run works on: a server that was found or started, and a schema of our own in it."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tailguard.base.interrupts import left_behind
from tailguard.postgres import schema as schemas
from tailguard.postgres.binaries import OLDEST_MAJOR
from tailguard.postgres.location import (
    DatabaseError,
    Location,
    address,
    connect,
    connect_to_catalogue,
    locate,
)
from tailguard.postgres.pooler import refuse_pooler
from tailguard.postgres.server import Server, embedded_postgres
from tailguard.postgres.server_control import ServerControl
from tailguard.postgres.session import for_session
from tailguard.record.environment import PostgresSource

_LOG = logging.getLogger(__name__)
_EVENT_TRIGGERS = """
SELECT pg_catalog.string_agg(pg_catalog.format('%I (%s)', evtname, evtevent), ', ' ORDER BY evtname)
FROM pg_catalog.pg_event_trigger WHERE evtenabled <> 'D'
"""


@dataclass(frozen=True, slots=True)
class Database:
    """A database and Tailguard's schema in it."""

    conninfo: str = field(repr=False)  # with the password and the search path
    schema: str
    version: str
    source: PostgresSource
    bin_dir: Path | None = None  # psql and pgbench, if the server is embedded
    control: ServerControl | None = field(default=None, repr=False)  # likewise: yours is never stopped

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """Connect in autocommit with our schema as the search path. Raises DatabaseError with host and port."""
        return connect(self.conninfo, **options)

    def conninfo_for(self, schema: str) -> str:
        """Return a connection string to the same database with `schema` as the search path."""
        return for_session(self.conninfo, schema)


@contextmanager
def open_database(
    dsn: str | None = None,
    *,
    binaries: str | Path | None = None,
    cpus: Sequence[int] | None = None,
    schema: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Database]:
    """Open the database named by `dsn`, DATABASE_URL or PG*, else an embedded one, with a fresh schema.

    `schema` is its name (`tailguard_…`; default: a new one); it is dropped on exit. `binaries` and `cpus` are for
    the embedded server. Raises DatabaseError if the database cannot be used.
    """
    with ExitStack() as stack:
        place = locate(dsn, environ)
        server = None
        if place is None:
            server = stack.enter_context(embedded_postgres(binaries, cpus=cpus))
            place = Location(server.dsn, "embedded")
        yield stack.enter_context(schema_on(place.conninfo, schema, server))


@contextmanager
def schema_on(conninfo: str, schema: str | None = None, server: Server | None = None) -> Iterator[Database]:
    """Make a schema on a server that runs, and drop it on exit.

    Raises DatabaseError if the server is too old, read-only, or the user may not create schemas.
    """
    name = schema or schemas.new_name()
    with connect_to_catalogue(conninfo) as keeper:  # its advisory lock says that we live
        check(keeper)
        _mention_leftovers(keeper)
        schemas.create(keeper, name)
        version = keeper.info.parameter_status("server_version") or "unknown"
        own = for_session(conninfo, name, major=keeper.info.server_version // 10_000)
        found = (server.source, server.bin_dir, server.control) if server else ("yours",)
        place = f"schema {name} in {address(keeper)}: DROP SCHEMA {name} CASCADE"
        with nullcontext() if server else left_behind(place):
            try:
                yield Database(own, name, version.split()[0], *found)
            finally:
                _drop(keeper, conninfo, name)


def schema_alone(conninfo: str, name: str, *, exists: bool) -> Database:
    """Return a database that is only ours and is dropped whole, with its schema, which is made unless it `exists`."""
    with connect_to_catalogue(conninfo) as connection:
        if not exists:
            schemas.create(connection, name)
        version = connection.info.parameter_status("server_version") or "unknown"
        own = for_session(conninfo, name, major=connection.info.server_version // 10_000)
    return Database(own, name, version.split()[0], "yours")


def check(connection: psycopg.Connection[Any]) -> None:
    """Raise DatabaseError if we cannot work on this server, before anything is made."""
    where = f"PostgreSQL at {address(connection)}"
    major = connection.info.server_version // 10_000
    if major < OLDEST_MAJOR:
        raise DatabaseError(f"{where} is version {major}: {OLDEST_MAJOR} or newer is needed")
    refuse_pooler(connection)
    row = connection.execute(
        "SELECT pg_catalog.pg_is_in_recovery() OR pg_catalog.current_setting('transaction_read_only')::bool, "
        "pg_catalog.has_database_privilege(current_catalog, 'CREATE'), current_user, current_catalog"
    ).fetchone()
    assert row is not None
    read_only, may_create, user, database = row
    if read_only:
        raise DatabaseError(f"{where} is read-only (a standby?): point --dsn at the primary")
    if not may_create:
        raise DatabaseError(
            f"the user {user} may not create a schema in {where}: "
            f'GRANT CREATE ON DATABASE "{database}" TO "{user}", or use another user'
        )
    if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
        raise DatabaseError(
            f"{where} has the encoding SQL_ASCII, so the meaning of its text is unknown: "
            "use a database made with ENCODING 'UTF8'"
        )
    _check_ddl(connection, where)


def _check_ddl(connection: psycopg.Connection[Any], where: str) -> None:
    try:
        schemas.rehearse(connection)
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        (triggers,) = connection.execute(_EVENT_TRIGGERS).fetchone() or (None,)
        reason = (error.diag.message_primary or str(error)).strip()
        named = f" Its event triggers: {triggers}." if triggers else ""
        raise DatabaseError(
            f"{where} refuses to make and drop the tables of a run (SQLSTATE {error.sqlstate}): {reason}.{named} "
            "Use another database, or ask its owner to let this user make tables"
        ) from error


def _drop(keeper: psycopg.Connection[Any], conninfo: str, name: str) -> None:
    """Drop the schema, over a new connection if the keeper's is broken (one sees that only by using it)."""
    try:
        try:
            schemas.drop(keeper, name)
        except psycopg.OperationalError:
            with connect_to_catalogue(conninfo) as again:
                schemas.drop(again, name)
    except (psycopg.Error, DatabaseError) as error:
        _LOG.warning("schema %s stays behind, the server is gone: %s", name, error)


def _mention_leftovers(keeper: psycopg.Connection[Any]) -> None:
    """Say what killed runs left in somebody's database. It is not ours to drop unasked: see `schema.leftovers`."""
    if names := ", ".join(item.name for item in schemas.leftovers(keeper)):
        _LOG.warning("killed runs left schemas in %s: DROP SCHEMA %s CASCADE", address(keeper), names)

"""Connections: autocommit, prepared at once, bounded in number, with the schema on their search path."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import ConnectionPool, PoolTimeout

from deltacrown.connection import Connection as Connection  # noqa: PLC0414 - lent from here, so named here too
from deltacrown.errors import Unavailable

# A hot path needs some 10 ms at most: a statement that runs 10 s is stuck, and its client has long gone.
STATEMENT_TIMEOUT_MS = 10_000
# More than the workers of any profile; far below PostgreSQL's default of 100, so that others still get in.
POOL_SIZE = 32
# How long a request waits for a free connection before it is answered 503.
POOL_TIMEOUT_S = 5.0


class Database:
    """A bounded pool of connections to one schema. Threads share it; a connection belongs to no thread."""

    def __init__(self, conninfo: str, schema: str | None = None, *, size: int = POOL_SIZE) -> None:
        """Open the pool. `conninfo` is a libpq URL or key=value string; connections are made as needed."""
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            with_search_path(conninfo, schema),
            connection_class=Connection,
            kwargs={"autocommit": True},
            min_size=1,
            max_size=size,
            timeout=POOL_TIMEOUT_S,
            open=True,
            name="deltacrown",
        )

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend an autocommit connection. Raises Unavailable when none is free in time."""
        connection = self._lend()
        try:
            yield connection
        finally:
            self._pool.putconn(connection)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Lend a connection inside one transaction: committed at the end, rolled back on an exception."""
        with self.connection() as connection:
            connection.run("BEGIN")
            try:
                yield connection
            except BaseException:
                if not connection.closed:
                    connection.rollback()
                raise
            connection.run("COMMIT")

    def close(self) -> None:
        """Close every connection. A second call does nothing."""
        self._pool.close()

    def _lend(self) -> Connection:
        try:
            return self._pool.getconn()
        except PoolTimeout:
            raise Unavailable(f"no database connection was free within {POOL_TIMEOUT_S:g} s") from None


def with_search_path(conninfo: str, schema: str | None) -> str:
    """Return `conninfo` with the schema on the search path and a statement timeout, keeping its own options."""
    options = [
        str(conninfo_to_dict(conninfo).get("options") or ""),
        f"-c statement_timeout={STATEMENT_TIMEOUT_MS}",
    ]
    if schema is not None:
        quoted = '"' + schema.replace('"', '""') + '"'
        options.append("-c search_path=" + quoted.replace("\\", "\\\\").replace(" ", "\\ "))
    return make_conninfo(conninfo, options=" ".join(options).strip())


def create_tables(conninfo: str, schema: str | None = None) -> None:
    """Create the schema, where it is named and missing, and the platform's tables in it, in one transaction."""
    script = Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")
    with psycopg.connect(with_search_path(conninfo, schema)) as connection:
        if schema is not None:
            connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        connection.execute(script.encode())

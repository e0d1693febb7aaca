"""The platform's database: connections and transactions with the schema on their search path."""

from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from reference.connection import Connection as Connection  # noqa: PLC0414 - lent from here, so named here too
from reference.lenders import Lender, PsycopgPool, per_request
from reference.pool import Pool

# A hot path needs some 10 ms at most: a statement that runs 10 s is stuck, and its client has long gone.
STATEMENT_TIMEOUT_MS = 10_000
# More than the workers of any profile; far below PostgreSQL's default of 100, so that others still get in.
POOL_SIZE = 32


class Database:
    """Connections to one schema. Threads share it; a connection belongs to no thread."""

    def __init__(
        self, conninfo: str, schema: str | None = None, *, size: int = POOL_SIZE, connections: str = "pool"
    ) -> None:
        """Open nothing yet. `conninfo` is a libpq URL or key=value string; connections are made as needed.

        `connections` is one of `lenders.KINDS`; with "pgbouncer" the pooler knows the schema.
        """
        own = conninfo if connections == "pgbouncer" else with_search_path(conninfo, schema)
        self._pool = _lender(own, size, connections)

    def connection(self) -> "Lent":
        """Lend an autocommit connection. Raises Unavailable when none is free in time, psycopg.OperationalError."""
        return Lent(self._pool)

    def transaction(self) -> "Transaction":
        """Lend a connection inside one transaction: committed at the end, rolled back on an exception."""
        return Transaction(self._pool)

    def close(self) -> None:
        """Close every connection. A second call does nothing."""
        self._pool.close()


class Lent:
    """A connection for the length of a `with` block."""

    __slots__ = ("_connection", "_pool")
    _connection: Connection

    def __init__(self, pool: Lender) -> None:
        self._pool = pool

    def __enter__(self) -> Connection:
        self._connection = self._pool.lend()
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Give back."""
        self._pool.give_back(self._connection)


class Transaction(Lent):
    """A transaction for the length of a `with` block."""

    __slots__ = ()

    def __enter__(self) -> Connection:
        connection = Lent.__enter__(self)
        try:
            connection.run("BEGIN")
        except BaseException:
            self._pool.give_back(connection)
            raise
        return connection

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Commit, or roll back what failed; a commit that fails rolls back too, by the server's own rule."""
        try:
            if error is None:
                self._connection.run("COMMIT")
            elif not self._connection.closed:
                self._connection.run("ROLLBACK")
        finally:
            self._pool.give_back(self._connection)


def _lender(conninfo: str, size: int, connections: str) -> Lender:
    if connections == "pool":
        return Pool(lambda: Connection.connect(conninfo, autocommit=True), size)
    return PsycopgPool(conninfo, size) if connections == "psycopg_pool" else per_request(conninfo)


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

"""Other ways to a database connection than the platform's own pool: one per use, psycopg_pool, or a pooler outside.

PgBouncer in transaction mode gives each transaction whichever of its connections is free. Nothing of a session stays
with a client there: no prepared statement (before 1.21), no SET, no LISTEN, no advisory lock, and what libpq says as
`options` at the start is refused. So statements are parsed and planned each time, and the pooler says the settings.
"""

from collections.abc import Callable
from typing import Any, Protocol

from psycopg import pq

from reference.connection import TEXT, Connection, Row
from reference.errors import Unavailable
from reference.pool import WAIT_S

# How connections are had: the platform's pool, a new one for each use, psycopg_pool, and a new one to a pooler.
KINDS = ("pool", "per_request", "psycopg_pool", "pgbouncer")
_AT_START = 4  # of psycopg_pool, which opens more when they are asked for


class Lender(Protocol):
    """What lends a connection to one borrower at a time."""

    def lend(self) -> Connection:
        """Return a connection. Raises Unavailable, psycopg.OperationalError."""
        ...

    def give_back(self, connection: Connection) -> None:
        """Take it back."""
        ...

    def close(self) -> None:
        """Close what is idle."""
        ...


class Unprepared(Connection):
    """A connection that prepares nothing: whoever uses it once gains nothing by it, and a pooler cannot keep it."""

    def run(self, statement: str, *parameters: Any) -> list[Row]:
        """Run a statement in one round trip; it is parsed and planned anew."""
        values = self._transformer.dump_sequence(parameters, TEXT[: len(parameters)])
        return self._rows(self.pgconn.exec_params, statement.encode(), values, None, None, pq.Format.BINARY)


class PerRequest:
    """Opens a connection for each use, and closes it after."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        """Open nothing yet."""
        self.lend = connect

    def give_back(self, connection: Connection) -> None:
        """Close it."""
        connection.close()

    def close(self) -> None:
        """Nothing is kept."""


class PsycopgPool:
    """psycopg's own pool."""

    def __init__(self, conninfo: str, size: int) -> None:
        """Open a few connections, and up to `size` when they are asked for."""
        # Not above: only an experiment needs it, and it loads asyncio's half, too.
        from psycopg_pool import ConnectionPool, PoolTimeout  # noqa: PLC0415

        self._timeout = PoolTimeout
        self._pool = ConnectionPool(
            conninfo, connection_class=Connection, kwargs={"autocommit": True},
            min_size=min(_AT_START, size), max_size=size, timeout=WAIT_S, open=True,
        )  # fmt: skip

    def lend(self) -> Connection:
        """Return a connection. Raises Unavailable, psycopg.OperationalError."""
        try:
            return self._pool.getconn()
        except self._timeout as error:
            raise Unavailable(f"no database connection was free within {WAIT_S:g} s") from error

    def give_back(self, connection: Connection) -> None:
        """Take it back; a broken one is replaced."""
        self._pool.putconn(connection)

    def close(self) -> None:
        """Close what is idle."""
        self._pool.close()


def per_request(conninfo: str) -> PerRequest:
    """Return what opens a connection for each use."""
    return PerRequest(lambda: Unprepared.connect(conninfo, autocommit=True))

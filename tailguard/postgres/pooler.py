"""A pooler between us and the server, such as PgBouncer: what a session sets or locks does not stay with us there."""

from typing import Any

from psycopg import Connection

from tailguard.postgres.location import POOLERS_REMEDY, DatabaseError


def through_pooler(connection: Connection[Any]) -> bool:
    """Return whether the process that answers is not the one that the connection was opened to.

    A pooler tells each client a process number of its own making, as the key for cancelling; the server its true one.
    """
    row = connection.execute("SELECT pg_catalog.pg_backend_pid()").fetchone()
    return row is not None and row[0] != connection.info.backend_pid


def refuse_pooler(connection: Connection[Any]) -> None:
    """Raise DatabaseError if the server is reached through a pooler."""
    if not through_pooler(connection):
        return
    info = connection.info
    raise DatabaseError(
        f"the server at {info.host}:{info.port} is reached through a pooler, such as PgBouncer: advisory locks, SET"
        " and the search path belong to a session, which it may give to others after each transaction."
        f" {POOLERS_REMEDY}"
    )

"""A lease on work that must not run twice at once: the server lets go of it when its holder dies."""

from collections.abc import Iterator
from contextlib import contextmanager

from reference.database import Database
from reference.errors import Conflict

_TABLE = "tournament_engine_certificate_certificate"
_KEY = f"hashtextextended('certificates ' || $1::text || ' ' || '{_TABLE}'::regclass::oid::text, 0)"
_LOCK, _UNLOCK = f"SELECT pg_try_advisory_lock({_KEY})", f"SELECT pg_advisory_unlock({_KEY})"


@contextmanager
def alone(database: Database, work: str) -> Iterator[None]:
    """Hold the lease on `work`, such as "backfill". Raises Conflict where another process holds it."""
    with database.connection() as connection:
        if connection.row(_LOCK, work) != (True,):
            raise Conflict(f"another {work} of these certificates is running", code=f"{work.upper()}_RUNNING")
        try:
            yield
        finally:
            if not connection.closed:
                connection.run(_UNLOCK, work)

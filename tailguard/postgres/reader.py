"""A run's PostgreSQL as fixtures get it, and a connection of the suite's own that reads what must hold."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import psycopg

from tailguard.postgres.copies.filling import Filling
from tailguard.postgres.location import ANSWER_WITHIN_S, connect
from tailguard.postgres.workers_role import without_superuser
from tailguard.suite.data import Withheld

_DEADLOCKS = "SELECT deadlocks FROM pg_catalog.pg_stat_database WHERE datname = current_catalog"


@dataclass(frozen=True, slots=True)
class Postgres(Withheld):
    """A run's database, of scope "run".

    That of a target is the target's own: its sessions only read, and `conninfo` is "" if no DSN says where it is.
    """

    conninfo: str = field(repr=False)  # with the password and the search path
    schema: str
    version: str
    source: str
    _filling: Filling | None = field(default=None, repr=False, compare=False)

    def fill(self, by: Callable[[str], object]) -> None:
        """Fill the empty schema by calling `by` with `conninfo`: with tables and rows that are the same each time.

        In a duet on an embedded server only the first block of each side calls `by`, and the others work in a copy of
        what it made. `by` closes its connections: PostgreSQL copies no database that is in use.
        """
        if self._filling is None:
            by(self.conninfo)
        else:
            self._filling.fill(self.conninfo, self.schema, by)

    def for_workers(self) -> "Postgres":
        """Return the same database without a superuser's rights (workers_role.py)."""
        if not self.conninfo:
            return self
        limited = without_superuser(self.conninfo, self.schema, ours=self.source != "yours")
        return replace(self, conninfo=limited, _filling=None)

    @contextmanager
    def reader(self) -> Iterator["Reader"]:
        """Connect while the `with` lasts. Raises DatabaseError if the database cannot be reached."""
        reader = Reader(self.conninfo)
        try:
            yield reader
        finally:
            reader.close()


class Reader:
    """Reads single values; connects again if a fault has cost it its connection."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._connection = connect(conninfo, answer_within_s=ANSWER_WITHIN_S)
        self._deadlocks_before = self._count_deadlocks()

    def value(self, query: str, *parameters: object) -> object:
        """Return the first column of a query's first row, None if there is no row. Raises psycopg.Error."""
        try:
            return self._read(query, parameters)
        except psycopg.OperationalError:
            if not self._connection.closed:
                raise
        self._connection = connect(self._conninfo, answer_within_s=ANSWER_WITHIN_S)
        return self._read(query, parameters)

    def deadlocks(self) -> int:
        """Return how many deadlocks this database has seen since this reader was made."""
        return self._count_deadlocks() - self._deadlocks_before

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _read(self, query: str, parameters: tuple[object, ...]) -> object:
        row = self._connection.execute(query.encode(), parameters).fetchone()
        return None if row is None else row[0]

    def _count_deadlocks(self) -> int:
        counted = self.value(_DEADLOCKS)
        return counted if isinstance(counted, int) else 0

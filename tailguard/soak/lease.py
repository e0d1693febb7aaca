"""A lease: one leader at a time among processes on any machines, held in one row of PostgreSQL.

The server's clock alone decides who leads, in one statement each: no wall clock of ours is asked. Each term has a
fence, a number higher than all before. What a leader writes carries it, so that a late write of one that was frozen
shows.
"""

import os
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import psycopg
from psycopg import Connection, errors, sql

from tailguard.base.clock import Clock, MonotonicClock
from tailguard.base.errors import TailguardError
from tailguard.postgres.location import DatabaseError
from tailguard.postgres.pooler import through_pooler

TABLE = "tailguard_lease"
_CREATE = """
CREATE TABLE IF NOT EXISTS {} (
    name text PRIMARY KEY,
    owner text NOT NULL,
    fence bigint NOT NULL,
    expires timestamptz NOT NULL
)
"""
# A term that the server forgets in a crash would be given twice. Set in the statement itself: a pooler may give the
# next one to another session, and who is frozen between two statements of a transaction keeps the row locked.
_DURABLE = "pg_catalog.set_config('synchronous_commit', 'on', true) = 'on'"
# now() would be the instant before the wait for the row's lock.
_TAKE = f"""
INSERT INTO {{}} AS held (name, owner, fence, expires)
VALUES (%(name)s, %(owner)s, CASE WHEN {_DURABLE} THEN 1 END, clock_timestamp() + make_interval(secs => %(ttl_s)s))
ON CONFLICT (name) DO UPDATE
SET owner = excluded.owner, fence = held.fence + 1, expires = clock_timestamp() + make_interval(secs => %(ttl_s)s)
WHERE held.expires <= clock_timestamp()
RETURNING fence
"""
_RENEW = f"""
UPDATE {{}} SET expires = clock_timestamp() + make_interval(secs => %(ttl_s)s)
WHERE name = %(name)s AND owner = %(owner)s AND fence = %(fence)s AND expires > clock_timestamp() AND {_DURABLE}
RETURNING fence
"""
_RELEASE = """
UPDATE {} SET expires = clock_timestamp()
WHERE name = %(name)s AND owner = %(owner)s AND fence = %(fence)s AND expires > clock_timestamp()
"""
_NOW = "SELECT extract(epoch FROM clock_timestamp())::double precision"
_WITNESS = "SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended(%s, 0))"


class LeaseLostError(TailguardError):
    """Somebody else may lead by now: nothing may be written any more in this term."""


class Witness(StrEnum):
    """What the session's advisory lock says besides the row."""

    OURS = "held by this session"
    ANOTHER = "held by another session: the leader before is not dead, but frozen or cut off"
    NONE = "none: a pooler gives sessions to others"
    NO_LEASE = "none: this soak has no lease"


@dataclass(frozen=True, slots=True)
class Term:
    """A time as leader."""

    fence: int
    witness: Witness


class Lease:
    """The lease `name` in `schema`, as one process wants it; not for several threads at once.

    `connect` is called again after a lost connection. `ttl_s` is how long a leader may be silent before another takes
    over.
    """

    def __init__(
        self,
        connect: Callable[[], Connection[Any]],
        schema: str,
        name: str,
        ttl_s: float,
        clock: Clock | None = None,
    ) -> None:
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._connect, self._clock, self._ttl_ns = connect, clock or MonotonicClock(), int(ttl_s * 1e9)
        self._table = sql.Identifier(schema, TABLE)
        self._key = f"tailguard lease {schema}.{name}"
        self._values: dict[str, str | float | int] = {"name": name, "owner": self.owner, "ttl_s": ttl_s}
        self._connection: Connection[Any] | None = None
        self._until_ns = 0  # at this instant of our own clock the term has ended, whatever the server says

    def take(self) -> Term | None:
        """Return a new term, None if somebody else leads.

        Raises psycopg.Error or DatabaseError without the server.
        """
        if self._values.pop("fence", None) is not None:
            self._disconnect()  # the session still holds the witness of the term before
        sent_ns = self._clock.now_ns()
        row = self._ask(_TAKE)
        if row is None:
            return None
        self._values["fence"] = row[0]
        self._until_ns = sent_ns + self._ttl_ns
        return Term(row[0], self._witness())

    def server_s(self) -> float:
        """Return the server's clock, in s since 1970. Raises psycopg.Error or DatabaseError without the server."""
        row = self._ask(_NOW)
        assert row is not None  # it always answers
        return float(row[0])

    def renew(self) -> None:
        """Prolong the term. While the server cannot be reached the term goes on to its end.

        Raises LeaseLostError if it has ended.
        """
        self.check()
        # The server counts from later than this: our own end is never after the server's.
        sent_ns = self._clock.now_ns()
        try:
            row = self._ask(_RENEW)
        except (psycopg.Error, DatabaseError):
            self.check()
            return
        if row is None:
            self._until_ns = 0
            raise LeaseLostError(f"{self._key}: term {self._values['fence']} ended before it was renewed.")
        self._until_ns = sent_ns + self._ttl_ns

    def check(self) -> None:
        """Raise LeaseLostError unless this process still leads: to be asked before each write, without the server."""
        if self._clock.now_ns() >= self._until_ns:
            raise LeaseLostError(
                f"{self._key}: the term of {self.owner} was not renewed within {self._values['ttl_s']:g} s."
            )

    def release(self) -> None:
        """End the term, if it is still ours, so that another can begin at once."""
        self._until_ns = 0
        if "fence" in self._values:
            with suppress(psycopg.Error, DatabaseError):  # it ends by itself
                self._ask(_RELEASE)
        self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _ask(self, statement: str) -> tuple[Any] | None:
        """Send one statement, on a new connection if the last one was lost."""
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
            with suppress(errors.DuplicateTable, errors.UniqueViolation):  # two may make it at once
                self._connection.execute(sql.SQL(_CREATE).format(self._table))
        try:
            answer = self._connection.execute(sql.SQL(statement).format(self._table), self._values)
            return answer.fetchone() if answer.description else None
        except psycopg.OperationalError:
            self._disconnect()
            raise

    def _witness(self) -> Witness:
        assert self._connection is not None  # a term was taken on it
        if through_pooler(self._connection):
            return Witness.NONE
        row = self._connection.execute(_WITNESS, [self._key]).fetchone()
        return Witness.OURS if row is not None and row[0] else Witness.ANOTHER

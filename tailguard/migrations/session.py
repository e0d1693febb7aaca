"""One attempt's connection: bounded by our own watcher alone, alone on its table, gone when its runner is gone."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import psycopg

from tailguard.base.clock import Clock
from tailguard.migrations.blockers import Blocker
from tailguard.migrations.errors import MigrationStoppedError
from tailguard.migrations.index import Table
from tailguard.migrations.watch import Database
from tailguard.postgres.pooler import refuse_pooler
from tailguard.postgres.session import keep_to_catalogue

# How soon the server notices in mid-build that the runner was killed; it then stops, as nobody watches any more.
NOTICE_DEATH_MS = 500
# Advisory locks are numbers: four letters of our own in the upper half, the table's oid in the lower one.
LOCK_SPACE = int.from_bytes(b"migr", "big") << 32
POLL_S = 0.1
# What a server needs to cancel a statement, if it is well.
GRACE_S = 30.0


@contextlib.contextmanager
def build_session(database: Database, deadline_s: float) -> Iterator[psycopg.Connection[Any]]:
    """Connect for statements that a watch cancels after `deadline_s`; a server that hangs then is left soon after.

    As in all of Tailguard's sessions, no timeout of the server or the role ends one half way.
    """
    connection = database.connect(answer_within_s=deadline_s + GRACE_S)
    try:
        refuse_pooler(connection)
        keep_to_catalogue(connection)
        connection.execute("SET application_name = 'tailguard migrate'")
        with contextlib.suppress(psycopg.errors.InvalidParameterValue):  # not on every platform
            connection.execute(f"SET client_connection_check_interval = {NOTICE_DEATH_MS}")
        yield connection
    finally:
        connection.close()


def lock_table(connection: psycopg.Connection[Any], table: Table, clock: Clock, wait_s: float) -> None:
    """Take the table for this session, by polling.

    A runner waiting inside pg_advisory_lock() holds a snapshot: the lock holder's build would wait for it in turn, and
    be ended as the victim of the deadlock (40P01).
    """

    def holders() -> list[Blocker]:
        row = connection.execute(
            "SELECT pg_catalog.pg_try_advisory_lock(%s)", [LOCK_SPACE | table.oid]
        ).fetchone()
        return [] if row == (True,) else _holders(connection, table)

    wait_for_none(holders, clock, wait_s, f"another migration runs on {table.schema}.{table.name}")


def wait_for_none(look: Callable[[], list[Blocker]], clock: Clock, wait_s: float, what: str) -> None:
    """Poll until `look` finds nobody. Raises MigrationStoppedError, naming those that remain, after `wait_s`."""
    end_ns = clock.now_ns() + int(wait_s * 1e9)
    while blockers := look():
        if clock.now_ns() >= end_ns:
            named = "; ".join(str(blocker) for blocker in blockers[:5])
            raise MigrationStoppedError(
                f"Nothing was built: {what}, and still did after {wait_s:g} s: {named}."
                " Try again when they have ended, or give a longer --wait."
            )
        clock.sleep_until_ns(clock.now_ns() + int(POLL_S * 1e9))


def _holders(connection: psycopg.Connection[Any], table: Table) -> list[Blocker]:
    key = LOCK_SPACE | table.oid
    rows = connection.execute(
        "SELECT a.pid, a.usename, a.application_name, coalesce(a.state, 'unknown'),"
        " extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::float8, ''"
        " FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)"
        " WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.classid = %s AND l.objid = %s",
        [key >> 32, key & 0xFFFFFFFF],
    )
    found = [
        Blocker(pid, user or "", name or "", state, age, command)
        for pid, user, name, state, age, command in rows
    ]
    return found or [Blocker(0, "", "its holder has just ended", "unknown", None, "")]

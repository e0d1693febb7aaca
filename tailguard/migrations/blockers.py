"""Who holds a build up: transactions that it has to wait for, sessions that block it, builds still alive."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

# What a session is doing is told by its first word alone: the rest may hold personal data or a password.
SESSION = """
SELECT a.pid, a.usename, a.application_name, coalesce(a.state, a.backend_type, 'unknown'),
       extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::float8,
       pg_catalog.upper(pg_catalog.split_part(pg_catalog.ltrim(a.query), ' ', 1))
FROM pg_catalog.pg_stat_activity a
"""
# A prepared transaction has no session: nobody's end ends it. It holds no snapshot either, so only its locks count.
PREPARED = """
SELECT 0, p.owner, pg_catalog.format('prepared transaction %%L', p.gid),
       pg_catalog.format('prepared, ends only by COMMIT PREPARED %%1$L or ROLLBACK PREPARED %%1$L', p.gid),
       extract(epoch FROM pg_catalog.clock_timestamp() - p.prepared)::float8, ''
FROM pg_catalog.pg_prepared_xacts p
"""
# A build waits for every snapshot of its database older than its own, whatever table that transaction uses. Builds on
# other tables are not waited for (since PostgreSQL 14), so they do not hold this one back.
OLD_TRANSACTIONS = (
    SESSION
    + """
WHERE a.datname = current_catalog AND a.pid <> pg_catalog.pg_backend_pid() AND a.backend_type = 'client backend'
  AND a.xact_start < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %(older_than_s)s)
  AND a.pid NOT IN (SELECT pid FROM pg_catalog.pg_stat_progress_create_index)
UNION ALL
"""
    + PREPARED
    + """
WHERE p.database = current_catalog
  AND p.prepared < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %(older_than_s)s)
  AND EXISTS (SELECT FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_locks own USING (virtualtransaction)
              WHERE own.transactionid = p.transaction AND own.pid IS NULL AND l.pid IS NULL
                AND l.relation = %(table)s AND l.mode NOT IN ('AccessShareLock', 'RowShareLock', 'ShareLock'))
ORDER BY 5 DESC
"""
)
BLOCKING = (
    SESSION
    + """
WHERE a.pid = ANY(pg_catalog.pg_blocking_pids(%(pid)s)) OR a.pid = %(locker)s
UNION ALL
"""
    + PREPARED
    + """
WHERE p.transaction IN (SELECT transactionid FROM pg_catalog.pg_locks WHERE pid = %(pid)s AND NOT granted)
ORDER BY 5 DESC NULLS LAST
"""
)
# A build, a rebuild or a VACUUM in progress holds this lock on its table; pg_locks shows it to everybody, while the
# progress view hides other users' builds. An autovacuum gives way by itself.
LIVE_BUILDS = (
    SESSION
    + """
JOIN pg_catalog.pg_locks l USING (pid)
WHERE l.relation = %(table)s AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_catalog)
  AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted AND a.pid <> pg_catalog.pg_backend_pid()
  AND a.backend_type IS DISTINCT FROM 'autovacuum worker'
"""
)
PROGRESS = """
SELECT phase, blocks_done, blocks_total, current_locker_pid
FROM pg_catalog.pg_stat_progress_create_index WHERE pid = %(pid)s
"""


@dataclass(frozen=True, slots=True)
class Blocker:
    """A session, or a prepared transaction (pid 0), that something waits for. What may not be seen is None or empty."""

    pid: int
    user: str
    application: str
    state: str
    age_s: float | None
    command: str

    def __str__(self) -> str:
        doing = f"{self.state}, {self.command}" if self.command else self.state
        age = (
            "age unknown (needs pg_monitor)"
            if self.age_s is None
            else f"transaction open for {self.age_s:.1f} s"
        )
        who = f"pid {self.pid}" if self.pid else self.application
        named = f" ({self.application})" if self.pid and self.application else ""
        return f"{who}{named}, user {self.user or 'unknown'}: {doing}, {age}"


@dataclass(frozen=True, slots=True)
class Progress:
    """One look at a statement at work. Blocks are those of the table, 0 in phases that count none."""

    elapsed_s: float
    phase: str
    blocks_done: int
    blocks_total: int
    blockers: tuple[Blocker, ...]


def old_transactions(connection: Connection[Any], older_than_s: float, table_oid: int) -> list[Blocker]:
    """Return the transactions older than `older_than_s` that a build on a table would wait for, the oldest first."""
    return _blockers(connection, OLD_TRANSACTIONS, {"older_than_s": older_than_s, "table": table_oid})


def live_builds(connection: Connection[Any], table_oid: int) -> list[Blocker]:
    """Return the sessions that build, rebuild or vacuum on a table at this moment."""
    return _blockers(connection, LIVE_BUILDS, {"table": table_oid})


def progress(connection: Connection[Any], pid: int, elapsed_s: float) -> Progress:
    """Look at what the session `pid` does: its build's phase and blocks, and who blocks it."""
    row = connection.execute(PROGRESS, {"pid": pid}).fetchone()
    phase, done, total, locker = row or ("", 0, 0, 0)
    blockers = _blockers(connection, BLOCKING, {"pid": pid, "locker": locker or 0})
    if not phase:
        phase = "waiting for locks" if blockers else "working"
    return Progress(elapsed_s, phase, done or 0, total or 0, tuple(blockers))


def _blockers(connection: Connection[Any], query: str, parameters: Mapping[str, float]) -> list[Blocker]:
    rows = connection.execute(query, parameters)
    return [
        Blocker(pid, user or "", name or "", state, age, command or "")
        for pid, user, name, state, age, command in rows
    ]

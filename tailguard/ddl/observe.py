"""What a statement does, seen while it is at work: locks, new files, tables read in whole, rows written, log."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from msgspec.structs import replace as replace_part
from psycopg import sql

from tailguard.base.clock import Clock
from tailguard.base.errors import UsageError
from tailguard.migrations.checks import in_full
from tailguard.migrations.text.script import Block, Located
from tailguard.postgres.database import Database
from tailguard.postgres.session import CATALOGUE
from tailguard.record.ddl import MANY_ROWS, HeldLock, Observation

Connection = psycopg.Connection[Any]

RELATIONS = """
SELECT c.oid, coalesce(i.indrelid, c.oid)::regclass::text, c.relkind, pg_catalog.pg_relation_filenode(c.oid),
       c.reltuples
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
"""
FILENODES = "SELECT oid, pg_catalog.pg_relation_filenode(oid) FROM pg_catalog.pg_class WHERE oid = ANY(%s)"
LOCKS = """
SELECT DISTINCT relation, mode FROM pg_catalog.pg_locks
WHERE pid = %s AND locktype = 'relation'
"""
WAITS = "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE pid = %s AND NOT granted)"
NAMES = """
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY(%s)
"""
# Counted by the session itself until its transaction ends, whatever becomes of that.
OWN_COUNTS = """
SELECT relid, seq_tup_read, n_tup_ins + n_tup_upd + n_tup_del FROM pg_catalog.pg_stat_xact_user_tables
"""
# The same for the whole server, once a session has told them.
ALL_COUNTS = """
SELECT relid, seq_tup_read, n_tup_ins + n_tup_upd + n_tup_del FROM pg_catalog.pg_stat_user_tables
"""
SIZES = """
SELECT coalesce(sum(pg_catalog.pg_total_relation_size(oid)), 0)::int8 FROM pg_catalog.pg_class WHERE oid = ANY(%s)
"""
WAL = "SELECT pg_catalog.pg_current_wal_insert_lsn() OPERATOR(pg_catalog.-) '0/0'::pg_catalog.pg_lsn"
TABLES = ("r", "p", "m")
LOCKED = (*TABLES, "i", "I")
# A scan that stops early, as for a key, is none of the whole table.
WHOLE = 0.5
LOOK_EVERY_S = 0.001


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation that was there before; `rows` as the planner estimates them. An index has the name of its table:
    whoever reads or writes that locks all of its indexes.
    """

    name: str
    kind: str
    filenode: int | None
    rows: float


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows of a table were read in sequence, and how many were changed."""

    read: int = 0
    changed: int = 0

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(self.read - other.read, self.changed - other.changed)


class NotInTransactionError(UsageError):
    """PostgreSQL executes the statement only outside of a transaction."""


def observe(database: Database, block: Block, clock: Clock) -> list[Observation]:
    """Execute a block with nobody else at work and return what each of its statements did; it is committed.

    Raises UsageError, naming the line, if PostgreSQL refuses a statement.
    """
    with database.connect() as session, database.connect() as other:
        session.execute("SET max_parallel_maintenance_workers = 0")  # a worker's counts are not the session's
        for setting in block.settings:
            execute(session, Located(0, setting))
        return [*_Observer(session, other, clock).block(block)]


class _Observer:
    """Two sessions: one executes, the other one looks on."""

    def __init__(self, session: Connection, other: Connection, clock: Clock) -> None:
        self.session, self.other, self.clock = session, other, clock
        other.execute(f"SET search_path = {', '.join(CATALOGUE)}")
        self.relations = _relations(session)
        self.held: set[tuple[int, str]] = set()

    def block(self, block: Block) -> Sequence[Observation]:
        if block.transaction:
            with self.session.transaction():
                return [self._inside(statement) for statement in block.statements]
        (statement,) = block.statements
        try:
            with self.session.transaction():
                return [self._inside(statement)]
        except NotInTransactionError as error:
            commits = isinstance(error.__cause__, psycopg.errors.InvalidTransactionTermination)
            return [replace_part(self._alone(statement), commits=commits)]

    def _inside(self, statement: Located) -> Observation:
        """Execute in the open transaction: what it holds stays to be looked at, even if it took a moment."""
        before = _counts(self.session, OWN_COUNTS)
        size, wal, started_ns = self._size(), self._wal(), self.clock.now_ns()
        execute(self.session, statement)
        seconds = (self.clock.now_ns() - started_ns) / 1e9
        locks = self._locks()
        new, self.held = locks - self.held, self.held | locks
        after = _counts(self.session, OWN_COUNTS)
        return self._observation(new, before, after, seconds, self._wal() - wal, size)

    def _alone(self, statement: Located) -> Observation:
        """Execute what allows no transaction, and look again and again."""
        before = _counts(self.other, ALL_COUNTS)
        size, wal, started_ns = self._size(), self._wal(), self.clock.now_ns()
        locks: set[tuple[int, str]] = set()
        with ThreadPoolExecutor(1, "statement") as pool:
            with self._held():
                running: Future[int] = pool.submit(execute, self.session, statement)
                self._look_until(lambda: running.done() or self._waits(), locks)
                if not running.done():  # it waited for us: that time is not its own
                    started_ns = self.clock.now_ns()
            self._look_until(running.done, locks)
            running.result()
        seconds = (self.clock.now_ns() - started_ns) / 1e9
        self.session.execute("SELECT pg_catalog.pg_stat_force_next_flush()")
        after = _counts(self.other, ALL_COUNTS)
        return self._observation(locks, before, after, seconds, self._wal() - wal, size)

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Hold what a writer holds, so that a statement of a moment waits and its locks are seen meanwhile."""
        oids = [oid for oid, each in self.relations.items() if each.kind in ("r", "p")]
        names = [sql.Identifier(*row) for row in self.session.execute(NAMES, [oids])]
        with self.other.transaction():
            if names:
                lock = sql.SQL("LOCK TABLE {} IN ROW EXCLUSIVE MODE").format(sql.SQL(", ").join(names))
                self.other.execute(lock)
            yield

    def _waits(self) -> bool:
        """Whether the statement has its locks and waits for those of others."""
        return bool(_value(self.other, WAITS, [self.session.info.backend_pid]))

    def _look_until(self, done: Callable[[], bool], locks: set[tuple[int, str]]) -> None:
        """Look again and again, the last time when it is done, for what the statement holds or asks for."""
        while True:
            ended = done()
            locks |= self._locks()
            if ended:
                return
            self.clock.sleep_until_ns(self.clock.now_ns() + int(LOOK_EVERY_S * 1e9))

    def _observation(
        self,
        locks: set[tuple[int, str]],
        before: dict[int, Counts],
        after: dict[int, Counts],
        seconds: float,
        wal: int,
        size: int,
    ) -> Observation:
        grown = {
            oid: found - before.get(oid, Counts()) for oid, found in after.items() if oid in self.relations
        }
        named = {
            (self.relations[oid].name, mode) for oid, mode in locks if self.relations[oid].kind in LOCKED
        }
        whole = (oid for oid, n in grown.items() if n.read > WHOLE * max(self.relations[oid].rows, MANY_ROWS))
        return Observation(
            locks=tuple(HeldLock(relation=name, mode=mode) for name, mode in sorted(named)),
            rewritten=self._tables(self._rewritten()),
            scanned=self._tables(whole),
            changed_rows={self.relations[oid].name: n.changed for oid, n in grown.items() if n.changed},
            seconds=seconds,
            wal_bytes=wal,
            bytes_before=size,
            bytes_after=self._size(),
        )

    def _rewritten(self) -> list[int]:
        """Return the relations that have a new file since the last look."""
        now = dict(self.session.execute(FILENODES, [[*self.relations]]).fetchall())
        found = [oid for oid, node in now.items() if node != self.relations[oid].filenode]
        for oid in found:
            self.relations[oid] = replace(self.relations[oid], filenode=now[oid])
        return found

    def _tables(self, oids: Iterable[int]) -> tuple[str, ...]:
        return tuple(sorted(self.relations[oid].name for oid in oids if self.relations[oid].kind in TABLES))

    def _locks(self) -> set[tuple[int, str]]:
        rows = self.other.execute(LOCKS, [self.session.info.backend_pid])
        return {(oid, mode) for oid, mode in rows if oid in self.relations}

    def _size(self) -> int:
        tables = [oid for oid, each in self.relations.items() if each.kind in TABLES]
        return int(_value(self.session, SIZES, [tables]))

    def _wal(self) -> int:
        return int(_value(self.other, WAL))


def execute(session: Connection, statement: Located) -> int:
    """Execute a statement of the file and return how many rows it changed.

    Raises UsageError, naming the line, if PostgreSQL refuses it; NotInTransactionError if it does so because of one.
    """
    try:
        return session.execute(statement.text.encode()).rowcount
    except (psycopg.errors.ActiveSqlTransaction, psycopg.errors.InvalidTransactionTermination) as error:
        raise NotInTransactionError(refused(statement, error)) from error
    except psycopg.Error as error:
        raise UsageError(refused(statement, error)) from error


def refused(statement: Located, error: psycopg.Error) -> str:
    """Say which statement PostgreSQL refuses, and in whose words."""
    return f"line {statement.line}: PostgreSQL refuses it (SQLSTATE {error.sqlstate}): {in_full(error)}"


def _relations(connection: Connection) -> dict[int, Relation]:
    rows = connection.execute(RELATIONS)
    return {oid: Relation(name, kind, node, estimate) for oid, name, kind, node, estimate in rows}


def _counts(connection: Connection, query: str) -> dict[int, Counts]:
    return {oid: Counts(read or 0, changed or 0) for oid, read, changed in connection.execute(query)}


def _value(connection: Connection, query: str, parameters: Sequence[object] = ()) -> Any:
    row = connection.execute(query, parameters).fetchone()
    assert row is not None  # an aggregate or a function always has a value
    return row[0]

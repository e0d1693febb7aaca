"""One execution of a step while clients go on, behind a transaction that stays open on each of its tables."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
from psycopg import sql

from tailguard.base.clock import Clock, MonotonicClock
from tailguard.base.errors import UsageError
from tailguard.ddl.observe import execute, refused
from tailguard.ddl.options import DdlOptions
from tailguard.ddl.patience import GivenUpError, patiently
from tailguard.judge.proof.responses import quiet_impact, responses_during
from tailguard.migrations.text.script import Block, Located
from tailguard.postgres.database import Database
from tailguard.proofs.load.generator import Crowd, Requests, crowds, open_window
from tailguard.proofs.load.reader import READ, long_transaction
from tailguard.record.ddl import SafeStatement, Trial
from tailguard.record.migration import Client, ClientImpact
from tailguard.record.samples import Samples

# Before a run, so that clients are at work; after it, so that those who were held up have their answers.
LEAD_S, DRAIN_S = 0.2, 0.3
# As a dump reads, and as an application's transaction writes, without a row that anybody else would wait for.
SNAPSHOT = sql.SQL("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").format()
# One on a partitioned table is INVALID until each partition has its own.
INVALID = """
SELECT indexrelid::regclass::text FROM pg_catalog.pg_index
JOIN pg_catalog.pg_class ON oid = indexrelid AND relkind = 'i' WHERE NOT indisvalid ORDER BY 1
"""
WRITE = "LOCK TABLE {} IN ROW EXCLUSIVE MODE"
Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Load:
    """What clients execute, and the tables that a long transaction is open on."""

    requests: Requests
    tables: tuple[sql.Identifier, ...]


@dataclass(frozen=True, slots=True)
class Work:
    """How a run ended: `failed` in words, "" for success."""

    attempts: int = 1
    failed: str = ""


@dataclass(slots=True)
class Trials:
    """Runs trials, and keeps what their clients sent by the name of the window."""

    options: DdlOptions
    clock: Clock = field(default_factory=MonotonicClock)
    samples: dict[str, Samples] = field(default_factory=dict)
    _windows: int = field(default=0, init=False)

    def baseline(self, window: str, database: Database, load: Load) -> dict[Client, ClientImpact]:
        """Return what clients meet while nothing else happens."""
        with self._clients(database, load) as clients, self._opened(window, clients) as sent:
            self._pass(self.options.baseline_s)
        return {who: quiet_impact(samples) for who, samples in sent.items()}

    def as_written(self, window: str, database: Database, load: Load, block: Block) -> Trial:
        """Execute a block as the file has it."""

        def work() -> Work:
            with database.connect() as session, self._front(database, load):
                try:
                    for setting in block.settings:
                        execute(session, Located(0, setting))
                    execute_block(session, block)
                except UsageError as error:
                    return Work(failed=str(error))
            return Work()

        return self._trial(window, database, load, work)

    def safely(
        self, window: str, database: Database, load: Load, statements: Sequence[SafeStatement]
    ) -> Trial:
        """Execute the safe way, each of its statements behind a long transaction of its own."""

        def work() -> Work:
            attempts = 0
            with database.connect() as session:
                for statement in statements:
                    if statement.how == "release":
                        continue
                    with self._front(database, load):
                        done = self._one_safely(session, statement)
                    attempts += done.attempts
                    if done.failed:
                        return Work(attempts, done.failed)
            return Work(attempts)

        return self._trial(window, database, load, work)

    def _one_safely(self, session: Connection, statement: SafeStatement) -> Work:
        timeout_ms = self.options.lock_timeout_ms if statement.how == "retry" else 0
        session.execute(f"SET lock_timeout = {timeout_ms:d}")
        try:
            attempts = patiently(
                lambda: session.execute(statement.text.encode()), self.clock, self.options.patience_s
            )
        except GivenUpError as error:
            return Work(error.attempts, str(error))
        except psycopg.Error as error:
            return Work(failed=refused(Located(0, statement.text), error))
        return Work(attempts)

    def _trial(self, window: str, database: Database, load: Load, work: Callable[[], Work]) -> Trial:
        with self._clients(database, load) as clients, self._opened(window, clients) as sent:
            self._pass(LEAD_S)
            started_ns = self.clock.now_ns()
            done = work()
            seconds = (self.clock.now_ns() - started_ns) / 1e9
            self._pass(DRAIN_S)
        with database.connect() as session:
            left = tuple(str(name) for (name,) in session.execute(INVALID))
        return Trial(
            window=window,
            started_ns=started_ns,
            seconds=seconds,
            attempts=done.attempts,
            failed=done.failed,
            impact={
                who: responses_during(samples, started_ns, seconds).impact for who, samples in sent.items()
            },
            left=left,
        )

    @contextmanager
    def _clients(self, database: Database, load: Load) -> Iterator[Sequence[Crowd]]:
        with crowds(database, load.requests, prepare=False) as clients:
            yield clients

    @contextmanager
    def _opened(self, window: str, clients: Sequence[Crowd]) -> Iterator[dict[Client, Samples]]:
        """Open a window for the block; what its clients sent is there, and kept, when it is left."""
        sent: dict[Client, Samples] = {}
        self._windows += 1
        with open_window(clients, self.options.rate_per_s, self.options.seed + self._windows) as opened:
            yield sent
        for who, samples in opened.samples.items():
            name = f"{window}_{who}"
            sent[who] = self.samples[name] = replace(samples, scenario=name)

    @contextmanager
    def _front(self, database: Database, load: Load) -> Iterator[None]:
        statements = [sql.SQL(text).format(table) for table in load.tables for text in (READ, WRITE)]
        with long_transaction(database, [SNAPSHOT, *statements], self.options.front_s):
            yield

    def _pass(self, seconds: float) -> None:
        self.clock.sleep_until_ns(self.clock.now_ns() + int(seconds * 1e9))


def execute_block(session: Connection, block: Block) -> None:
    """Execute a block of the file as its tool would. Raises UsageError, naming the line, for what is refused."""
    if block.transaction:
        with session.transaction():
            for statement in block.statements:
                execute(session, statement)
        return
    for statement in block.statements:
        execute(session, statement)

"""Executes the steps of a SQL file on your database, so that nobody waits long and a kill leaves nothing unknown.

Each step is committed by itself. One that a transaction can hold is marked as done in the same transaction; a backfill
marks each batch so; what PostgreSQL executes only outside of one is marked before and after, and what is left between
is read from the catalogue.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tailguard.base.clock import Clock, MonotonicClock
from tailguard.base.errors import UsageError
from tailguard.base.text_format import duration_s
from tailguard.ddl.apply.backfill import Backfill
from tailguard.ddl.apply.left import Left, left_of
from tailguard.ddl.apply.outside import Outside
from tailguard.ddl.apply.session import StepSession
from tailguard.ddl.apply.steps import Step, Steps
from tailguard.migrations.errors import MigrationStoppedError
from tailguard.migrations.kinds.safe import batches_of
from tailguard.migrations.limits import Limits
from tailguard.migrations.migration import Migration
from tailguard.migrations.retry import Retry
from tailguard.migrations.runner import CLEAR_UP_S, INTERRUPTED_S, Runner
from tailguard.migrations.session import build_session, lock_table
from tailguard.migrations.text.sql import created_index
from tailguard.migrations.watch import Database, OnProgress
from tailguard.postgres.session import keep_to_catalogue

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class FileStatus:
    """How far a file is: `begun` is False if `up` never was; `left` is what a kill left in the next step."""

    file: str
    begun: bool
    steps: int
    done: int
    next_step: str = ""
    left: str = ""

    @property
    def finished(self) -> bool:
        """Whether all of it is done."""
        return self.begun and self.done == self.steps


@dataclass(slots=True)
class FileRunner:
    """Goes the steps of one file. `limits.wait_s` is how long it may wait for locks, all in all."""

    database: Database
    steps: Steps
    limits: Limits = field(default_factory=Limits)
    on_progress: OnProgress | None = None
    clock: Clock = field(default_factory=MonotonicClock)
    waited_s: float = 0.0

    def up(self, plan: Callable[[], list[Step]], *, released: bool) -> Iterator[str]:
        """Do what is not done yet, by the plan that is kept or else a new one. Yields what was done of each step.

        Raises MigrationStoppedError if the time for waiting is over, UsageError if PostgreSQL refuses a step, or the
        application has to be released first and is not.
        """
        with self._alone() as connection:
            if not self.steps.read(connection):
                self.steps.keep(connection, plan())
            for step in self.steps.read(connection):
                if step.done:
                    continue
                if step.how == "release" and not released:
                    raise UsageError(
                        f"{self._name(step)}: first release the application such that {step.text}. Then run up again"
                        " with --released."
                    )
                yield f"{self._name(step)}: {self._do(step)}"

    def status(self) -> FileStatus:
        """Read how far the file is, and change nothing."""
        with self.database.connect() as connection:
            keep_to_catalogue(connection)
            steps = self.steps.read(connection)
            first = next((step for step in steps if not step.done), None)
            left = left_of(connection, first) if first is not None else None
        done = sum(step.done for step in steps)
        return FileStatus(
            self.steps.file,
            bool(steps),
            len(steps),
            done,
            f"step {first.number}: {first.text}" if first is not None else "",
            left.what if left else "",
        )

    def heal(self) -> str:
        """Mend what a kill left in the step that was under way: drop it, or do the step to its end."""
        with self.database.connect() as connection:
            keep_to_catalogue(connection)
            if self.steps.table(connection) is None:
                return "nothing to heal"
        with self._alone() as connection:
            first = next((step for step in self.steps.read(connection) if not step.done), None)
            left = left_of(connection, first) if first is not None else None
            if first is None or left is None:
                return "nothing to heal"
            return self._heal(connection, first, left)

    def _heal(self, connection: Connection, step: Step, left: Left) -> str:
        if left.mending == "finish":
            return f"{left.what}: finished, {self._do(step)}"
        if created_index(step.text) is not None:
            self._runner().heal(self._migration(step))
        else:
            Outside(self._session(connection), self.limits).drop_halves(step)
        return f"dropped what was left: {left.what}"

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        """Let no other `up` or `heal` of a file work in this schema meanwhile."""
        with build_session(self.database, self.limits.deadline_s) as connection:
            lock_table(connection, self.steps.open(connection), self.clock, self.limits.wait_s)
            yield connection

    def _do(self, step: Step) -> str:
        """Do a step, again after a lost connection, and say how."""
        retry = Retry(
            self._name(step), self.limits.attempts, self.clock, self.limits.wait_s, self._left_behind,
            (CLEAR_UP_S, INTERRUPTED_S),
        )  # fmt: skip
        started_ns = self.clock.now_ns()
        attempts, failures = retry.run(lambda: self._attempt(step))
        took = duration_s((self.clock.now_ns() - started_ns) / 1e9)
        tried = f", {attempts} attempts" if attempts > 1 else ""
        failed = f" (after {len(failures)} failed: {'; '.join(failures)})" if failures else ""
        return f"done, {took}{tried}{failed}"

    def _attempt(self, step: Step) -> int:
        """Do what is left of a step in a session of its own. Returns how often its lock was asked for."""
        with build_session(self.database, self.limits.deadline_s) as connection:
            now = next(each for each in self.steps.read(connection) if each.number == step.number)
            if now.done:
                return 1
            session = self._session(connection)
            build = created_index(now.text)
            if now.how == "release":
                self.steps.end(connection, now)
            elif build is not None and build.concurrently:
                self._runner().apply(self._migration(now), allow_equivalent=True)
                self.steps.end(connection, now)
            elif (batches := batches_of(now.text)) is not None:
                Backfill(session, batches).run(now)
            else:
                return self._once(session, now)
        return 1

    def _once(self, session: StepSession, step: Step) -> int:
        try:
            return session.patiently(step, lambda: session.together(step))
        except (psycopg.errors.ActiveSqlTransaction, psycopg.errors.InvalidTransactionTermination):
            Outside(session, self.limits).run(step)
            return 1

    def _session(self, connection: Connection) -> StepSession:
        return StepSession(
            self.database,
            connection,
            self.steps,
            self.limits,
            self.clock,
            self.on_progress,
            self._wait,
            self._name,
        )

    def _wait(self, waited_s: float) -> float:
        """Add to the time that was waited, and return what is left of it."""
        self.waited_s += waited_s
        return max(self.limits.wait_s - self.waited_s, 0.0)

    def _runner(self) -> Runner:
        return Runner(self.database, self.limits, self.on_progress, self.clock, keep_ledger=False)

    def _migration(self, step: Step) -> Migration:
        build = created_index(step.text)
        assert build is not None  # asked for before
        down = f"DROP INDEX CONCURRENTLY {build.index}"
        without = UsageError(f"{self.steps.file} states no query.")
        return Migration(self._name(step), build.index, step.text, down, without, build)

    def _name(self, step: Step) -> str:
        return f"{self.steps.file} step {step.number}"

    def _left_behind(self, within_s: float) -> str:
        """Say what is left: the next `up` goes on from there."""
        del within_s  # nothing is waited for
        try:
            left = self.status().left
        except (psycopg.Error, MigrationStoppedError, UsageError):
            left = "not known"
        told = f" Left: {left}; `tailguard migrate heal {self.steps.file}` mends it." if left else ""
        return f"{told} What was done stays done: `up` goes on from there."

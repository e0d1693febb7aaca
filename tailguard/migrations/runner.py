"""Runs a migration so that it ends with the right index or with a clear reason, whatever happens on the way.

The order of steps: alone on the table (polled), the catalogue read, leftovers of failed builds dropped, old
transactions waited for, the build watched, the catalogue read again. Success is a valid index of the right shape, never
the absence of an error; a failed build is tried again a few times if its SQLSTATE says that this can help.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
from psycopg import sql

from tailguard.base.clock import Clock, MonotonicClock
from tailguard.base.errors import UsageError
from tailguard.migrations import ledger
from tailguard.migrations.blockers import Blocker, Progress, live_builds, old_transactions
from tailguard.migrations.checks import (
    check_built,
    dropping,
    leftovers,
    out_of_time,
    refuse_equivalent,
    refuse_other_shape,
)
from tailguard.migrations.errors import MigrationStoppedError, OutOfTimeError
from tailguard.migrations.index import Table, equivalents, find_index, find_table, indexes_of, wanted_shape
from tailguard.migrations.limits import Limits
from tailguard.migrations.migration import Migration
from tailguard.migrations.retry import Retry
from tailguard.migrations.session import build_session, lock_table, wait_for_none
from tailguard.migrations.watch import Database, OnProgress, Watch
from tailguard.postgres.session import users_path

# How long the clearing up after a failure may wait; what it cannot drop by then is named and healed next time.
CLEAR_UP_S = 10.0
Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a migration ended: `done` in words, `looks` as the build's story, `failures` of earlier attempts.

    `started_ns` and `seconds` are those of the statement that built or dropped, waiting included.
    """

    done: str
    started_ns: int = 0
    seconds: float = 0.0
    healed: tuple[str, ...] = ()
    looks: tuple[Progress, ...] = ()
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Runner:
    """Applies, reverts and heals migrations on one database."""

    database: Database
    limits: Limits = field(default_factory=Limits)
    on_progress: OnProgress | None = None
    clock: Clock = field(default_factory=MonotonicClock)

    def up(self, migration: Migration, *, allow_equivalent: bool = False) -> Outcome:
        """Go the migration's way up: build its index, or drop it if the migration is a removal."""
        if migration.removal:
            return self.revert(migration)
        return self.apply(migration, allow_equivalent=allow_equivalent)

    def down(self, migration: Migration) -> Outcome:
        """Go the way back. A removed index is built again though another one serves what it served."""
        if migration.removal:
            return self.apply(migration, allow_equivalent=True)
        return self.revert(migration)

    def apply(self, migration: Migration, *, allow_equivalent: bool = False) -> Outcome:
        """Build the migration's index, or find it built.

        Raises WrongIndexError (another index of that name, or an equivalent one), DuplicateValuesError,
        MigrationStoppedError (blocked or out of time) and UsageError (no such table or column, no privilege).
        """

        def step(connection: Connection, table: Table) -> Outcome:
            return self._build(connection, table, migration, allow_equivalent=allow_equivalent)

        return self._alone_on_table(migration, step)

    def revert(self, migration: Migration) -> Outcome:
        """Drop the migration's index concurrently, or find it gone. Raises as `apply` does."""

        def step(connection: Connection, table: Table) -> Outcome:
            return self._drop_built(connection, table, migration)

        return self._alone_on_table(migration, step)

    def heal(self, migration: Migration) -> Outcome:
        """Drop what failed builds and rebuilds of the migration's index left behind, and nothing else."""

        def step(connection: Connection, table: Table) -> Outcome:
            healed = self._drop_leftovers(connection, table, migration, self.limits.deadline_s)
            return Outcome(f"dropped {', '.join(healed)}" if healed else "nothing to heal", healed=healed)

        return self._alone_on_table(migration, step)

    def _alone_on_table(self, migration: Migration, step: Callable[[Connection, Table], Outcome]) -> Outcome:
        """Run `step` with the table's lock, in a new session for each attempt."""

        def attempt() -> Outcome:
            with build_session(self.database) as connection:
                table = find_table(connection, migration.build.table)
                lock_table(connection, table, self.clock, self.limits.wait_s)
                return step(connection, table)

        retry = Retry(
            migration.name,
            self.limits.attempts,
            self.clock,
            self.limits.wait_s,
            lambda: self._clear_up(migration),
        )
        outcome, failures = retry.run(attempt)
        return replace(outcome, failures=failures)

    def _build(
        self, connection: Connection, table: Table, migration: Migration, *, allow_equivalent: bool
    ) -> Outcome:
        wanted = wanted_shape(connection, table, migration.build)
        ledger.open_ledger(connection, table.schema)
        healed = self._drop_leftovers(connection, table, migration, self.limits.deadline_s)
        present = find_index(connection, table, migration.index)
        if present is not None:
            refuse_other_shape(present, wanted)
            if not migration.removal:
                ledger.record_found(connection, table.schema, migration)
            return Outcome("already there, valid", healed=healed)
        if not allow_equivalent:
            refuse_equivalent(migration, equivalents(indexes_of(connection, table), wanted))
        self._wait_for_old_transactions(connection, table)
        watch = self._watched(connection, migration.creating, self.limits.deadline_s)
        check_built(find_index(connection, table, migration.index), migration, wanted)
        ledger.record(connection, table.schema, migration, _way(migration, built=True), watch.seconds)
        return Outcome("built, valid", watch.started_ns, watch.seconds, healed, tuple(watch.looks))

    def _drop_built(self, connection: Connection, table: Table, migration: Migration) -> Outcome:
        ledger.open_ledger(connection, table.schema)
        healed = self._drop_leftovers(connection, table, migration, self.limits.deadline_s)
        present = find_index(connection, table, migration.index)
        if present is None:
            return Outcome("already gone", healed=healed)
        refuse_other_shape(present, wanted_shape(connection, table, migration.build))
        watch = self._watched(connection, dropping(present), self.limits.deadline_s)
        assert find_index(connection, table, migration.index) is None, "a dropped index is in the catalogue"
        ledger.record(connection, table.schema, migration, _way(migration, built=False), watch.seconds)
        return Outcome("dropped", watch.started_ns, watch.seconds, healed, tuple(watch.looks))

    def _drop_leftovers(
        self, connection: Connection, table: Table, migration: Migration, deadline_s: float
    ) -> tuple[str, ...]:
        """Drop the INVALID indexes of this name and of its rebuilds, unless a living build owns them."""
        if not leftovers(connection, table, migration.index):
            return ()
        building = f"a build, rebuild or VACUUM runs on {table.schema}.{table.name}"
        wait_for_none(lambda: live_builds(connection, table.oid), self.clock, self.limits.wait_s, building)
        found = leftovers(connection, table, migration.index)  # what was being built may be valid by now
        for leftover in found:
            self._watched(connection, dropping(leftover), deadline_s)
        return tuple(leftover.name for leftover in found)

    def _wait_for_old_transactions(self, connection: Connection, table: Table) -> None:
        """Wait before anything is created: a build stopped while it waits leaves an INVALID index."""
        age_s = self.limits.old_transaction_s
        what = f"transactions older than {age_s:g} s are open, and a build would wait for each of them"

        def look() -> list[Blocker]:
            return old_transactions(connection, age_s, table.oid)

        wait_for_none(look, self.clock, self.limits.wait_s, what)

    def _watched(self, connection: Connection, statement: str | sql.Composed, deadline_s: float) -> Watch:
        """Execute one statement under a watch. Raises OutOfTimeError if our own deadline ended it."""
        deadline_ns = self.clock.now_ns() + int(deadline_s * 1e9)
        watch = Watch(self.database, connection.info.backend_pid, deadline_ns, self.clock, self.on_progress)
        try:
            with users_path(connection), watch:
                connection.execute(statement)
        except psycopg.errors.QueryCanceled as error:
            if watch.out_of_time:
                raise OutOfTimeError(out_of_time(watch, deadline_s)) from error
            raise
        return watch

    def _clear_up(self, migration: Migration) -> str:
        """Drop what a failed attempt left. Returns a sentence on what could not be dropped; never raises for it."""
        try:
            with build_session(self.database) as connection:
                table = find_table(connection, migration.build.table)
                if leftovers(connection, table, migration.index):
                    lock_table(connection, table, self.clock, CLEAR_UP_S)
                    self._drop_leftovers(connection, table, migration, CLEAR_UP_S)
        except (psycopg.Error, MigrationStoppedError, UsageError):
            return f" An INVALID {migration.index} may be left: `tailguard migrate heal {migration.name}` drops it."
        return ""


def _way(migration: Migration, *, built: bool) -> str:
    return "up" if built != migration.removal else "down"

"""Runs a migration so that it ends with the right index or with a clear reason, whatever happens on the way.

The order of steps: alone on the table (polled), the catalogue read, leftovers of failed builds dropped, old
transactions waited for, the build watched, the catalogue read again. Success is a valid index of the right shape, never
the absence of an error; a failed build is tried again a few times if its SQLSTATE says that this can help.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
from psycopg import sql

from tailguard.base.clock import Clock, MonotonicClock
from tailguard.base.errors import UsageError
from tailguard.base.interrupts import left_behind
from tailguard.migrations import ledger
from tailguard.migrations.blockers import Blocker, Progress, live_builds, old_transactions
from tailguard.migrations.checks import (
    check_built,
    dropping,
    known_shape,
    leftovers,
)
from tailguard.migrations.errors import MigrationStoppedError
from tailguard.migrations.index import Table, find_index, find_table
from tailguard.migrations.limits import Limits
from tailguard.migrations.migration import Migration
from tailguard.migrations.refusals import against_building, against_dropping, other_shape, refuse
from tailguard.migrations.retry import Retry
from tailguard.migrations.session import build_session, lock_table, wait_for_none
from tailguard.migrations.watch import Database, OnProgress, Watch
from tailguard.migrations.watched import watched
from tailguard.postgres.session import users_path

# How long the clearing up after a failure may wait; what it cannot drop by then is named and healed next time.
CLEAR_UP_S = 10.0
# Likewise after Ctrl-C, for each of its three waits: the prompt is back within five seconds.
INTERRUPTED_S = 1.0
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
    """Applies, reverts and heals migrations on one database.

    `in_own_schema` says that the tables are in Tailguard's own schema: what is left is dropped with it. Without
    `keep_ledger` the caller records what was done.
    """

    database: Database
    limits: Limits = field(default_factory=Limits)
    on_progress: OnProgress | None = None
    clock: Clock = field(default_factory=MonotonicClock)
    in_own_schema: bool = False
    keep_ledger: bool = True

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
            healed = self._drop_leftovers(connection, table, migration, self.limits)
            return Outcome(f"dropped {', '.join(healed)}" if healed else "nothing to heal", healed=healed)

        # What heal could not do in its own time, clearing up after it cannot do either.
        return self._alone_on_table(migration, step, lambda _: " Nothing was changed: run heal again later.")

    def _alone_on_table(
        self,
        migration: Migration,
        step: Callable[[Connection, Table], Outcome],
        clear_up: Callable[[float], str] | None = None,
    ) -> Outcome:
        """Run `step` with the table's lock, in a new session for each attempt."""

        def attempt() -> Outcome:
            with build_session(self.database, self.limits.deadline_s) as connection:
                table = find_table(connection, migration.build.table)
                lock_table(connection, table, self.clock, self.limits.wait_s)
                return step(connection, table)

        retry = Retry(
            migration.name,
            self.limits.attempts,
            self.clock,
            self.limits.wait_s,
            clear_up or (lambda within_s: self._clear_up(migration, within_s)),
            (CLEAR_UP_S, INTERRUPTED_S),
        )
        outcome, failures = retry.run(attempt)
        return replace(outcome, failures=failures)

    def _build(
        self, connection: Connection, table: Table, migration: Migration, *, allow_equivalent: bool
    ) -> Outcome:
        wanted, unknown = known_shape(connection, table, migration.build)
        present = find_index(connection, table, migration.build.index)
        if present is None or not present.usable:
            refuse(against_building(connection, table, migration, wanted, allow_equivalent=allow_equivalent))
        if self.keep_ledger:
            ledger.open_ledger(connection, table.schema)
        healed = self._drop_leftovers(connection, table, migration, self.limits)
        present = find_index(connection, table, migration.build.index)
        if present is not None:
            refuse(other_shape(present, wanted))
            if self.keep_ledger and not migration.removal:
                ledger.record_found(connection, table.schema, migration)
            uncompared = f", but not compared with the file: {unknown}" if unknown else ""
            return Outcome(f"already there, valid{uncompared}", healed=healed)
        self._wait_for_old_transactions(connection, table)
        with self._left_behind(f"INVALID {table.schema}.{migration.index}", migration):
            watch = self._watched(connection, migration.creating, self.limits.deadline_s)
        check_built(find_index(connection, table, migration.build.index), migration, wanted)
        self._record(connection, table, migration, _way(migration, built=True), watch.seconds)
        return Outcome("built, valid", watch.started_ns, watch.seconds, healed, tuple(watch.looks))

    def _drop_built(self, connection: Connection, table: Table, migration: Migration) -> Outcome:
        present = find_index(connection, table, migration.build.index)
        if present is not None:
            refuse(against_dropping(connection, table, present))
        if self.keep_ledger:
            ledger.open_ledger(connection, table.schema)
        healed = self._drop_leftovers(connection, table, migration, self.limits)
        present = find_index(connection, table, migration.build.index)
        if present is None:
            return Outcome("already gone", healed=healed)
        wanted, _ = known_shape(connection, table, migration.build)
        refuse(other_shape(present, wanted))
        watch = self._watched(connection, dropping(present), self.limits.deadline_s)
        assert find_index(connection, table, migration.build.index) is None, (
            "a dropped index is in the catalogue"
        )
        self._record(connection, table, migration, _way(migration, built=False), watch.seconds)
        return Outcome("dropped", watch.started_ns, watch.seconds, healed, tuple(watch.looks))

    def _record(
        self, connection: Connection, table: Table, migration: Migration, way: str, seconds: float
    ) -> None:
        if self.keep_ledger:
            ledger.record(connection, table.schema, migration, way, seconds)

    def _drop_leftovers(
        self, connection: Connection, table: Table, migration: Migration, limits: Limits
    ) -> tuple[str, ...]:
        """Drop the INVALID indexes of this name and its rebuilds in time, unless a living build owns them."""
        if not leftovers(connection, table, migration.build.index):
            return ()
        building = f"a build, rebuild or VACUUM runs on {table.schema}.{table.name}"
        wait_for_none(lambda: live_builds(connection, table.oid), self.clock, limits.wait_s, building)
        found = leftovers(
            connection, table, migration.build.index
        )  # what was being built may be valid by now
        end_ns = self.clock.now_ns() + int(limits.deadline_s * 1e9)
        for leftover in found:
            self._watched(connection, dropping(leftover), limits.deadline_s, end_ns)
        return tuple(leftover.name for leftover in found)

    def _wait_for_old_transactions(self, connection: Connection, table: Table) -> None:
        """Wait before anything is created: a build stopped while it waits leaves an INVALID index."""
        age_s = self.limits.old_transaction_s
        what = f"transactions older than {age_s:g} s are open, and a build would wait for each of them"

        def look() -> list[Blocker]:
            return old_transactions(connection, age_s, table.oid)

        wait_for_none(look, self.clock, self.limits.wait_s, what)

    def _watched(
        self, connection: Connection, statement: str | sql.Composed, deadline_s: float, end_ns: int = 0
    ) -> Watch:
        """Execute one statement under a watch, or until `end_ns`. Raises OutOfTimeError if our deadline ended it."""
        ends_ns = end_ns or self.clock.now_ns() + int(deadline_s * 1e9)
        watch = Watch(self.database, connection.info.backend_pid, ends_ns, self.clock, self.on_progress)
        with watched(watch, deadline_s), users_path(connection):
            connection.execute(statement)
        return watch

    def _clear_up(self, migration: Migration, within_s: float) -> str:
        """Drop what a failed attempt left. Returns a sentence on what could not be dropped; never raises for it."""
        try:
            with (
                self._left_behind(f"perhaps an INVALID {migration.index}", migration),
                build_session(self.database, within_s) as connection,
            ):
                table = find_table(connection, migration.build.table)
                if leftovers(connection, table, migration.build.index):
                    lock_table(connection, table, self.clock, within_s)
                    limits = Limits(deadline_s=within_s, wait_s=within_s)
                    self._drop_leftovers(connection, table, migration, limits)
        except (psycopg.Error, MigrationStoppedError, UsageError):
            return f" An INVALID {migration.index} may be left: {_healing(migration)}."
        return ""

    def _left_behind(self, what: str, migration: Migration) -> AbstractContextManager[None]:
        return nullcontext() if self.in_own_schema else left_behind(f"{what}: {_healing(migration)}")


def _healing(migration: Migration) -> str:
    return f"`tailguard migrate heal {migration.name}` drops it"


def _way(migration: Migration, *, built: bool) -> str:
    return "up" if built != migration.removal else "down"

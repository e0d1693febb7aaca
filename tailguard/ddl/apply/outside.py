"""Statements that PostgreSQL executes only outside of a transaction: begun, executed, marked as done."""

import re
from dataclasses import dataclass
from functools import partial

from psycopg import sql

from tailguard.base.errors import UsageError
from tailguard.ddl.apply.left import detach, halves
from tailguard.ddl.apply.session import StepSession
from tailguard.ddl.apply.steps import Step
from tailguard.migrations.blockers import live_builds, old_transactions
from tailguard.migrations.limits import Limits
from tailguard.migrations.session import wait_for_none
from tailguard.migrations.text.sql import dropped_index
from tailguard.postgres.session import users_path

CONCURRENTLY = re.compile(r"\bCONCURRENTLY\b", re.IGNORECASE)
# Done twice, it is as if it were done once.
REPEATABLE = re.compile(r"(?:REINDEX|VACUUM|ANALYZE|CLUSTER|DROP\s+INDEX)\b", re.IGNORECASE)
FINALIZE = re.compile(r"\bCONCURRENTLY\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Outside:
    """Executes one step outside of a transaction."""

    session: StepSession
    limits: Limits

    def run(self, step: Step) -> None:
        """Execute it, or what is left of it. Raises UsageError if it was begun and nothing tells how far it came."""
        connection, steps = self.session.connection, self.session.steps
        text = self._rest(step)
        if text:
            self._wait_for_old_transactions(text)
            self.drop_halves(step)
            steps.begin(connection, step)
            with self.session.watching():
                self.session.execute(step, text)
        steps.end(connection, step)

    def drop_halves(self, step: Step) -> None:
        """Drop the _ccnew and _ccold indexes that a REINDEX CONCURRENTLY left, unless a living one owns them."""
        connection, clock = self.session.connection, self.session.clock
        for half in halves(connection, step):
            table = half.table
            what = f"a build, rebuild or VACUUM runs on {table.schema}.{table.name}"
            wait_for_none(partial(live_builds, connection, table.oid), clock, self.limits.wait_s, what)
            with self.session.watching():
                connection.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(half.index))

    def _rest(self, step: Step) -> str:
        """Return what is left to execute of a step that may have been begun, "" for nothing."""
        if not step.begun:
            return step.text
        state = detach(self.session.connection, step)
        if state is not None:
            rest = {"": "", "attached": step.text, "pending": FINALIZE.sub("FINALIZE", step.text)}
            return rest[state]
        if (drop := dropped_index(step.text)) is not None:
            return step.text if self._is_there(drop.index) else ""
        if REPEATABLE.match(step.text):
            return step.text
        raise UsageError(
            f"{self.session.name(step)} was begun and commits by itself: how far it came is not known. Look, and finish"
            f" it by hand. Then say that it is done, and run up again: {self.session.steps.marking(step)}"
        )

    def _is_there(self, index: str) -> bool:
        with users_path(self.session.connection):
            row = self.session.connection.execute("SELECT pg_catalog.to_regclass(%s)", [index]).fetchone()
        return row is not None and row[0] is not None

    def _wait_for_old_transactions(self, text: str) -> None:
        """Wait before anything is begun, as for the build of an index."""
        if CONCURRENTLY.search(text):
            age_s = self.limits.old_transaction_s
            what = f"transactions older than {age_s:g} s are open, and it would wait for each of them"
            wait_for_none(
                lambda: old_transactions(self.session.connection, age_s, 0),
                self.session.clock,
                self.session.wait(0.0),
                what,
            )

"""Whether a migration stalls anybody: builds under live load, beside a quiet window and a build that does stall.

Baseline window, builds, a window with the index, what each write costs, and the positive control: a plain CREATE INDEX,
which must be caught holding the writers up. A removal goes the same way with drops: each meets a reader whose
transaction stays open, behind whom a plain DROP INDEX makes everybody queue.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
from psycopg import sql

from tailguard.base.clock import Clock, MonotonicClock
from tailguard.base.errors import TailguardError
from tailguard.judge.proof.responses import quiet_impact, responses_during, window_name
from tailguard.judge.proof.under_load import ENOUGH
from tailguard.migrations.index import Table, find_table, wanted_shape
from tailguard.migrations.migration import Migration
from tailguard.migrations.runner import Outcome, Runner
from tailguard.migrations.watch import Database
from tailguard.proofs.cost import measure_cost
from tailguard.proofs.live_options import LiveOptions
from tailguard.proofs.load.generator import Crowd, calibrate, crowds, open_window, requests_on
from tailguard.proofs.load.reader import long_reader
from tailguard.proofs.load.statements import statements_for
from tailguard.proofs.proof import Proof
from tailguard.record.migration import BuildPhase, BuildUnderLoad, Client, ClientImpact, LiveProof
from tailguard.record.samples import Samples

log = logging.getLogger(__name__)

# After a build the queue behind it must drain: at a quarter of capacity that takes a third of the build.
DRAIN_S, DRAIN_SHARE = 0.5, 0.5
# How long the reader stays whom a drop has to wait for: some hundred requests meet each drop.
READER_S = 1.0
# The plain statement keeps its lock at least so long, in a transaction: on a small table it is over before anybody
# meets it.
CONTROL_S = 1.0
CONTROL = "tailguard_control"  # the index that is built plainly


def prove_under_load(
    proof: Proof,
    database: Database,
    options: LiveOptions | None = None,
) -> dict[str, Samples]:
    """Add to the proof what clients meet, on tables that may be written to; if it breaks off, why.

    Returns what they sent, by the names that live.parquet has. Leaves the index as the last `up` left it.
    """
    run = _UnderLoad(proof, database, options or LiveOptions())
    try:
        run.prove()
    except (TailguardError, psycopg.Error) as error:
        proof.break_off(error, under_load=True)
    return run.samples


@dataclass(frozen=True, slots=True)
class _Load:
    """Who works on which table, and at what rate each."""

    table: Table
    clients: Sequence[Crowd]
    rate_per_s: float


@dataclass(slots=True)
class _UnderLoad:
    """One proof under load. A run has one file for the samples of all its proofs, so `prefix` tells them apart."""

    proof: Proof
    database: Database
    options: LiveOptions
    clock: Clock = field(default_factory=MonotonicClock)
    builds: list[BuildUnderLoad] = field(default_factory=list)
    samples: dict[str, Samples] = field(default_factory=dict)

    @property
    def migration(self) -> Migration:
        return self.proof.migration

    @property
    def prefix(self) -> str:
        return f"{self.migration.number}/"

    def prove(self) -> None:
        self._runner().down(self.migration)
        with self.database.connect() as connection:
            table = find_table(connection, self.migration.build.table)
            shape = wanted_shape(connection, table, self.migration.build)
            with crowds(
                self.database, requests_on({"": statements_for(connection, table, shape)})
            ) as clients:
                log.info("calibrating the load")
                rate_per_s = calibrate(clients, self.options.rate_per_s, self.options.calibration_s)
                self.proof.live = self._live(connection, _Load(table, clients, rate_per_s))
            if not self.migration.removal:
                log.info("what each write costs, with and without the index")
                build, rows = self.migration.build, self.options.cost_rows
                self.proof.cost = measure_cost(connection, table, build, shape, self.clock, rows)

    def _live(self, connection: psycopg.Connection[Any], load: _Load) -> LiveProof:
        log.info("baseline window at %.0f writes and reads per second", load.rate_per_s)
        baseline = self._quiet_window("baseline", load)
        self._build_until_enough(load)
        log.info("window without the index" if self.migration.removal else "window with the index")
        after = self._quiet_window("after", load)
        return LiveProof(
            rate_per_s=load.rate_per_s,
            rows=load.table.rows,
            samples=self.prefix,
            baseline=baseline,
            after=after,
            builds=tuple(self.builds),
            control=self._control(connection, load) if self.options.control else None,
            limits=self.options.wait,
        )

    def _build_until_enough(self, load: _Load) -> None:
        """Build and drop until as many requests met a build as a verdict needs."""
        for number in range(1, self.options.most_builds + 1):
            self._runner().down(self.migration)
            log.info("%s %d under load", self.migration.act, number)
            build = self._build(f"build_{number}", load, lambda: self._runner().up(self.migration))
            self.builds.append(build)
            met = [sum(one.impact[who].n for one in self.builds) for who in build.impact]
            if number >= self.options.fewest_builds and min(met) >= ENOUGH:
                return

    def _build(self, window: str, load: _Load, build: Callable[[], Outcome]) -> BuildUnderLoad:
        """Build while the clients go on, and wait until those who were held up have their answers."""
        seed = self.options.seed + len(self.builds) + 1
        with open_window(load.clients, load.rate_per_s, seed) as opened:
            self._pass(DRAIN_S)
            with self._met_by(load.table):
                outcome = build()
            self._pass(DRAIN_S + DRAIN_SHARE * outcome.seconds)
        self._keep(window, opened.samples)
        started_ns, seconds = outcome.started_ns, outcome.seconds
        return BuildUnderLoad(
            started_ns=started_ns,
            seconds=seconds,
            phases=tuple(
                BuildPhase(
                    elapsed_s=look.elapsed_s, phase=look.phase, blockers=tuple(map(str, look.blockers))
                )
                for look in outcome.looks
            ),
            impact={
                who: responses_during(samples, started_ns, seconds).impact
                for who, samples in opened.samples.items()
            },
        )

    def _met_by(self, table: Table) -> AbstractContextManager[None]:
        """A drop takes no time by itself: it is as long as the transaction that it has to wait for."""
        return long_reader(self.database, table, READER_S) if self.migration.removal else nullcontext()

    def _control(self, connection: psycopg.Connection[Any], load: _Load) -> BuildUnderLoad:
        """Drop the index as one should not; or build the same one so, under another name, and drop it again.

        Both keep their lock until the end of a transaction, as a migration tool's would.
        """
        statement = self._plain_statement(load.table)
        self._runner().down(self.migration)
        log.info("positive control: a plain %s INDEX", "DROP" if self.migration.removal else "CREATE")

        def build() -> Outcome:
            started_ns = self.clock.now_ns()
            with connection.transaction():
                connection.execute(statement)
                self.clock.sleep_until_ns(started_ns + int(self._control_s * 1e9))
            return Outcome("done, plainly", started_ns, (self.clock.now_ns() - started_ns) / 1e9)

        try:
            control = self._build("control", load, build)
        finally:
            index = sql.Identifier(load.table.schema, CONTROL)
            connection.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(index))
        self._runner().up(self.migration, allow_equivalent=True)
        return control

    @property
    def _control_s(self) -> float:
        """At least twice what clients may wait, so that most who meet the lock wait longer than that."""
        return max(CONTROL_S, 2 * self.options.wait.max_wait_ms / 1e3)

    def _plain_statement(self, table: Table) -> sql.Composed:
        if self.migration.removal:
            return sql.SQL("DROP INDEX {}").format(sql.Identifier(table.schema, self.migration.index))
        return sql.SQL("CREATE {}INDEX {} ON {} {}").format(
            sql.SQL("UNIQUE " if self.migration.build.unique else ""),
            sql.Identifier(CONTROL),
            sql.Identifier(table.schema, table.name),
            sql.SQL(self.migration.build.shape),
        )

    def _quiet_window(self, window: str, load: _Load) -> dict[Client, ClientImpact]:
        with open_window(load.clients, load.rate_per_s, self.options.seed) as opened:
            self._pass(self.options.baseline_s)
        self._keep(window, opened.samples)
        return {who: quiet_impact(samples) for who, samples in opened.samples.items()}

    def _keep(self, window: str, sent: Mapping[Client, Samples]) -> None:
        for who, samples in sent.items():
            name = window_name(self.prefix, window, who)
            self.samples[name] = replace(samples, scenario=name)

    def _pass(self, seconds: float) -> None:
        self.clock.sleep_until_ns(self.clock.now_ns() + int(seconds * 1e9))

    def _runner(self) -> Runner:
        return Runner(self.database, self.options.limits, clock=self.clock, in_own_schema=True)

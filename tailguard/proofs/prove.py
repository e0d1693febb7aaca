"""Whether a migration stalls anybody: builds under live load, beside a quiet window and a build that does stall.

Baseline window, builds, a window with the index, what each write costs, and the positive control: a plain CREATE INDEX,
which must be caught holding the writers up. A removal goes the same way with drops: each meets a reader whose
transaction stays open, behind whom a plain DROP INDEX makes everybody queue.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import psycopg
from psycopg import sql

from tailguard.base.clock import Clock, MonotonicClock
from tailguard.judge.proof_verdicts import (
    Felt,
    LiveVerdict,
    all_of,
    felt_during,
    judge_baseline,
    judge_control,
    judge_errors,
    judge_p99,
    judge_stall,
    pooled,
)
from tailguard.migrations.index import Shape, Table, find_table, wanted_shape
from tailguard.migrations.migration import Migration
from tailguard.migrations.runner import Limits, Outcome, Runner
from tailguard.migrations.watch import Database
from tailguard.proofs.cost import COPY_ROWS, measure_cost
from tailguard.proofs.load.generator import READERS, WRITERS, Crowd, Window, calibrate, crowds, open_window
from tailguard.proofs.load.reader import long_reader
from tailguard.proofs.load.statements import statements_for
from tailguard.record.samples import Samples

# At 1 in 100 allowed, 459 requests without one held up decide a p99 at 99 %.
ENOUGH = 460
# After a build the queue behind it must drain: at a quarter of capacity that takes a third of the build.
DRAIN_S, DRAIN_SHARE = 0.5, 0.5
# How long the reader stays whom a drop has to wait for: some hundred requests meet each drop.
READER_S = 1.0


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How long and how hard a proof under load works."""

    rate_per_s: float = 200.0  # of writers and of readers, at most; calibrated below
    calibration_s: float = 1.5
    baseline_s: float = 3.0
    fewest_builds: int = 3
    most_builds: int = 8
    cost_rows: int = COPY_ROWS
    control: bool = True
    seed: int = 1
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Build:
    """One build under load: when, how it went, and what the clients sent meanwhile."""

    started_ns: int
    seconds: float
    phases: list[dict[str, Any]]
    samples: dict[str, Samples]

    @property
    def ended_ns(self) -> int:
        """When the statement came back."""
        return self.started_ns + int(self.seconds * 1e9)

    def felt(self, who: str) -> Felt:
        """Return what writers or readers felt of it."""
        return felt_during(self.samples[who], self.started_ns, self.ended_ns)


@dataclass(slots=True)
class LiveProof:
    """A proof under load, on tables that may be written to. It leaves the index as the last `up` built it."""

    database: Database
    migration: Migration
    options: LiveOptions = field(default_factory=LiveOptions)
    say: Callable[[str], None] = lambda _: None
    clock: Clock = field(default_factory=MonotonicClock)
    builds: list[Build] = field(default_factory=list)
    control: Build | None = None
    rows: int = 0  # about, of the table; known once it runs
    quiet: dict[str, Window] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """Run the proof; returns run.json's `live` of a migration."""
        self._runner().down(self.migration)
        with self.database.connect() as connection:
            table = find_table(connection, self.migration.build.table)
            self.rows = table.rows
            shape = wanted_shape(connection, table, self.migration.build)
            statements = statements_for(connection, table, shape)
            with crowds(self.database, statements) as clients:
                self.say("calibrating the load")
                rate_per_s = calibrate(clients, self.options.rate_per_s, self.options.calibration_s)
                self.say(f"baseline window at {rate_per_s:.0f} writes and reads a second")
                self.quiet["baseline"] = self._quiet_window(clients, rate_per_s)
                self._build_until_enough(table, clients, rate_per_s)
                self.say("window without the index" if self.migration.removal else "window with the index")
                self.quiet["after"] = self._quiet_window(clients, rate_per_s)
                if self.options.control:
                    self._runner().down(self.migration)
                    self.say(f"positive control: a plain {self.statement}")
                    self.control = self._control_build(connection, table, clients, rate_per_s)
                    self._runner().up(self.migration, allow_equivalent=True)
            cost = None if self.migration.removal else self._cost(connection, table, shape)
        verdicts = self._verdicts(self.quiet["baseline"].samples)
        return {
            "state": worst_state(verdicts),
            "rate_per_s": rate_per_s,
            "statement": self.statement,
            "verdicts": [verdict.as_dict() for verdict in verdicts],
            "windows": {name: self._summary(window) for name, window in self.quiet.items()},
            "builds": [self._build_record(build) for build in self.builds],
            "control": None if self.control is None else self._build_record(self.control),
            "cost": cost,
        }

    @property
    def statement(self) -> str:
        """What is done under load; CONCURRENTLY, and plainly as the control."""
        return "DROP INDEX" if self.migration.removal else "CREATE INDEX"

    def all_samples(self) -> dict[str, dict[str, Samples]]:
        """Return what was sent in each window: window -> writers or readers -> samples."""
        windows = {name: window.samples for name, window in self.quiet.items()}
        windows |= {f"build_{number}": build.samples for number, build in enumerate(self.builds, 1)}
        return windows if self.control is None else windows | {"control": self.control.samples}

    def _build_until_enough(self, table: Table, clients: Sequence[Crowd], rate_per_s: float) -> None:
        """Build and drop until as many requests met a build as a verdict needs."""
        for number in range(1, self.options.most_builds + 1):
            self._runner().down(self.migration)
            self.say(f"{self.migration.act} {number} under load")
            build = self._build(table, clients, rate_per_s, lambda: self._runner().up(self.migration))
            self.builds.append(build)
            if number >= self.options.fewest_builds and self._enough():
                return

    def _enough(self) -> bool:
        return all(
            sum(len(b.felt(who).response_ms) for b in self.builds) >= ENOUGH for who in self.builds[0].samples
        )

    def _build(
        self, table: Table, clients: Sequence[Crowd], rate_per_s: float, build: Callable[[], Outcome]
    ) -> Build:
        """Build while the clients go on, and wait until those who were held up have their answers."""
        seed = self.options.seed + len(self.builds) + 1
        with open_window(clients, rate_per_s, seed) as window:
            self._pass(DRAIN_S)
            with self._met_by(table):
                outcome = build()
            self._pass(DRAIN_S + DRAIN_SHARE * outcome.seconds)
        phases = [
            {"elapsed_s": look.elapsed_s, "phase": look.phase, "blockers": [str(b) for b in look.blockers]}
            for look in outcome.looks
        ]
        return Build(outcome.started_ns, outcome.seconds, phases, window.samples)

    def _met_by(self, table: Table) -> AbstractContextManager[None]:
        """A drop takes no time by itself: it is as long as the transaction that it has to wait for."""
        return long_reader(self.database, table, READER_S) if self.migration.removal else nullcontext()

    def _cost(self, connection: psycopg.Connection[Any], table: Table, shape: Shape) -> dict[str, Any]:
        self.say("what each write costs, with and without the index")
        build, rows = self.migration.build, self.options.cost_rows
        return measure_cost(connection, table, build, shape, self.clock, rows)

    def _control_build(
        self, connection: psycopg.Connection[Any], table: Table, clients: Sequence[Crowd], rate_per_s: float
    ) -> Build:
        """Drop the index as one should not; or build the same one so, under another name, and drop it again."""
        name = sql.Identifier("tailguard_control")
        dropping = sql.SQL("DROP INDEX {}").format(sql.Identifier(table.schema, self.migration.index))
        statement = sql.SQL("CREATE {}INDEX {} ON {} {}").format(
            sql.SQL("UNIQUE " if self.migration.build.unique else ""),
            name,
            sql.Identifier(table.schema, table.name),
            sql.SQL(self.migration.build.shape),
        )

        def build() -> Outcome:
            started_ns = self.clock.now_ns()
            connection.execute(dropping if self.migration.removal else statement)
            return Outcome("done, plainly", started_ns, (self.clock.now_ns() - started_ns) / 1e9)

        try:
            return self._build(table, clients, rate_per_s, build)
        finally:
            index = sql.Identifier(table.schema, "tailguard_control")
            connection.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(index))

    def _quiet_window(self, clients: Sequence[Crowd], rate_per_s: float) -> Window:
        with open_window(clients, rate_per_s, self.options.seed) as window:
            self._pass(self.options.baseline_s)
        return window

    def _verdicts(self, baseline: dict[str, Samples]) -> list[LiveVerdict]:
        """Judge the baseline first: on a machine that stalls by itself, a stall says nothing about a build."""
        shortest_s = min(build.seconds for build in self.builds)
        verdicts = []
        for who in self.builds[0].samples:
            felt = pooled([build.felt(who) for build in self.builds])
            unbuilt = all_of(baseline[who], shortest_s)
            act = self.migration.act
            quiet = judge_baseline(who, unbuilt, act)
            judged = [judge_stall(who, felt, act), judge_p99(who, felt, unbuilt, act)]
            if quiet.state != "PASS":
                cause = f"not judged, the baseline is unsteady: {quiet.observed}"
                judged = [
                    LiveVerdict(v.name, "INCONCLUSIVE", v.expected, f"{v.observed}; {cause}") for v in judged
                ]
            verdicts += [quiet, *judged, judge_errors(who, felt)]
        if self.control is not None:
            verdicts.append(judge_control(self.control.felt(WRITERS), self.statement, self.migration.act))
        return verdicts

    def _summary(self, window: Window) -> dict[str, Any]:
        seconds = median(build.seconds for build in self.builds)
        return {who: all_of(samples, seconds).summary() for who, samples in window.samples.items()}

    def _build_record(self, build: Build) -> dict[str, Any]:
        felt = {who: build.felt(who).summary() for who in (WRITERS, READERS) if who in build.samples}
        return {
            "started_ns": build.started_ns,
            "seconds": build.seconds,
            "phases": build.phases,
            "felt": felt,
        }

    def _pass(self, seconds: float) -> None:
        self.clock.sleep_until_ns(self.clock.now_ns() + int(seconds * 1e9))

    def _runner(self) -> Runner:
        return Runner(self.database, self.options.limits, clock=self.clock)


def worst_state(verdicts: Sequence[LiveVerdict]) -> str:
    """Return the state of the whole: a control that was not caught makes all else worthless."""
    states = [verdict.state for verdict in verdicts]
    return next((state for state in ("INVALID", "FAIL", "INCONCLUSIVE") if state in states), "PASS")

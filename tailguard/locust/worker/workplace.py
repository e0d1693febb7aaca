"""A worker's workplace in a Locust run: the fixtures of this process, who plays the scenarios, and what must hold."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace

import msgspec

from tailguard.base.clock import Clock
from tailguard.base.errors import UsageError
from tailguard.config.merge import Config
from tailguard.config.option import Option
from tailguard.config.settings import Setting
from tailguard.config.suite_table import SuiteTable, find_file, require_suite, suite_in
from tailguard.http.connections import Exchange
from tailguard.locust.messages import Begin, Plan
from tailguard.locust.suite_hash import scenarios_sha256
from tailguard.locust.worker.arrival_shard import ArrivalShard, ClosedShard, OpenShard
from tailguard.locust.worker.outbox import Outbox
from tailguard.locust.worker.receipts import Audience
from tailguard.locust.worker.scenario_executor import ScenarioExecutor
from tailguard.locust.worker.table import Tell
from tailguard.pipeline.built_ins import built_ins
from tailguard.pipeline.opened_suite import open_suite
from tailguard.pipeline.parts import Parts
from tailguard.pipeline.preparation import rows_used_once
from tailguard.record.scenario import Invariant
from tailguard.suite.invariants import SkippedError
from tailguard.suite.plan import plan_scenario
from tailguard.suite.resolver import BoundScenario, Resolver
from tailguard.suite.run import Run
from tailguard.websocket.subscribers import Subscribers


class FixtureWorkplace:
    """Opened as the master says, with one executor per scenario that can be played here."""

    def __init__(self, begin: Begin, clock: Clock, tell: Tell, connections: Exchange) -> None:
        """Raises TailguardError if this worker's scenarios are not the master's, or a fixture cannot be made."""
        self._begin, self._clock, self._tell = begin, clock, tell
        self._config = configuration(begin.plan)
        check_same(require_suite(self._config.suite), begin.plan.scenarios_sha256)
        self._run = Run(begin.run, self._config.seed, begin.plan.planned)
        self.executors: dict[str, ScenarioExecutor] = {}
        self.skipped: dict[str, str] = {}
        self._bound: dict[str, BoundScenario] = {}
        with ExitStack() as opening:
            values = msgspec.json.decode(begin.plan.run_values)
            self._resolver = opening.enter_context(Resolver(values, self._config.seed))
            self._bind_all(connections)
            self._stack = opening.pop_all()

    @property
    def audiences(self) -> Mapping[str, Audience]:
        """The spectators of the scenarios that have any."""
        found = {slug: bound.shared for slug, bound in self._bound.items()}
        return {
            slug: each for slug, values in found.items() for each in values if isinstance(each, Subscribers)
        }

    def invariants(self, slug: str, outbox: Outbox) -> Sequence[Invariant]:
        """Check a scenario by this worker's samples. Raises SkippedError if that needs what cannot be had here."""
        bound = self._bound[slug]
        if bound.unchecked:
            raise SkippedError(bound.unchecked)
        return bound.check(outbox.samples(slug), self._config.limits.check_s)

    def notes(self) -> Mapping[str, str]:
        """Return what was noted of the run, as far as it is text."""
        return {name: note for name, note in self._run.notes.items() if isinstance(note, str)}

    def close(self) -> None:
        """Take away the fixtures."""
        self._stack.close()

    def _bind_all(self, connections: Exchange) -> None:
        plan, shard = self._begin.plan, self._begin.shard
        parts = Parts(self._config, self._run.placement)  # opens nothing: those of the run are the master's
        table = built_ins(self._config, self._run, plan.target, shard, parts, connections)
        suite = open_suite(self._config)[1]
        for scenario in suite.choose(plan.scenarios):
            try:
                bound = self._resolver.bind(plan_scenario(scenario, suite.table(scenario, table)))
            except SkippedError as skipped:
                self.skipped[scenario.name] = str(skipped)
                continue
            bound = replace(bound, skipped=tuple(self._run.skipped_steps(scenario.name)))
            self._bound[scenario.name] = bound
            # Rows that are used once are counted from the first one, wherever the numbers of the others begin.
            first = 0 if rows_used_once(bound.plan) else plan.first_iteration
            self.executors[scenario.name] = ScenarioExecutor(
                bound,
                arrivals_of(scenario.name, self._begin, self._clock, first),
                self._clock,
                self._tell,
                run=self._run,
                shard=shard,
                first=first,
                think_s=plan.think_s.get(scenario.name, (0.0, 0.0)),
            )


def configuration(plan: Plan) -> Config:
    """Return the master's configuration: its values reach us with the plan, only the suite is our own."""
    settings = {
        name: Setting(Option(name, None), value, "the master", 0) for name, value in plan.settings.items()
    }
    return Config.of(plan.profile, settings, suite_in(find_file()))


def arrivals_of(slug: str, begin: Begin, clock: Clock, first: int) -> ArrivalShard:
    """Return this worker's share of a scenario's arrivals, numbered from `first`.

    Of its schedule if there is one, else its own iterations.
    """
    if not begin.plan.schedules:
        return ClosedShard(begin.shard, clock, first)
    return OpenShard(begin.plan.schedules[slug].schedule().starts_ns(), begin.shard, clock, first)


def check_same(suite: SuiteTable, master_sha256: str) -> None:
    """Raise UsageError if the master has other scenarios than we have."""
    own = scenarios_sha256(suite)
    if own != master_sha256:
        raise UsageError(
            f"its scenarios are not the master's: SHA-256 {own} here, {master_sha256} there. "
            "Install the same version on both."
        )

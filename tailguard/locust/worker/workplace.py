"""A worker's workplace in a Locust run: the platform over HTTP, the scenarios' data, and what must hold of them."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack

import psycopg

from tailguard.base.clock import Clock
from tailguard.base.errors import UsageError
from tailguard.config.merge import Config, Setting
from tailguard.config.option import Option
from tailguard.config.suite_table import SuiteTable, find_file, require_suite, suite_in
from tailguard.engine.scenario import Scenario
from tailguard.http.connections import Exchange
from tailguard.http.remote_target import Credential
from tailguard.locust.messages import Begin, Plan
from tailguard.locust.suite_hash import scenarios_sha256
from tailguard.locust.worker.arrival_shard import ArrivalShard, ClosedShard, OpenShard
from tailguard.locust.worker.outbox import Outbox
from tailguard.locust.worker.receipts import Audience
from tailguard.locust.worker.scenario_executor import BoundScenario, ScenarioExecutor, Tell
from tailguard.pipeline.world import RemoteWorld, remote_world
from tailguard.record.scenario import Invariant
from tailguard.suite.parts import parts_of
from tailguard.suite.registry import named_scenarios

UNCHECKED, THROTTLED, EXHAUSTED = "invariants_unchecked", "throttled", "pool_exhausted"


class HttpWorkplace:
    """Opened as the master says, with one executor per scenario."""

    def __init__(self, begin: Begin, clock: Clock, tell: Tell, connections: Exchange) -> None:
        """Raises UsageError if this worker's scenarios are not the master's, or the target does not answer."""
        plan = begin.plan
        self._suite = require_suite(suite_in(find_file()))
        self._parts = parts_of(self._suite)
        check_same(self._suite, plan.scenarios_sha256)
        self._stack = ExitStack()
        self._notes: dict[str, str] = {}
        self._config = configuration(plan)
        with ExitStack() as opening:
            opening.callback(self._stack.close)
            self.platform = self._parts.platform_of(plan.target, begin.shard, connections)
            self._stack.callback(self.platform.close)
            self._world = self._open_world(begin)
            self.executors = {
                each.slug: self._executor(each, begin, clock, tell)
                for each in named_scenarios(self._suite, plan.scenarios)
            }
            opening.pop_all()

    @property
    def audiences(self) -> Mapping[str, Audience]:
        """The spectators of the scenarios that have such."""
        data = {slug: each.bound.data for slug, each in self.executors.items()}
        return {slug: each.subscribers for slug, each in data.items() if hasattr(each, "subscribers")}

    def invariants(self, slug: str, outbox: Outbox) -> Sequence[Invariant]:
        """Check a scenario by this worker's samples; none, with a note, if that needs what we cannot read."""
        bound = self.executors[slug].bound
        self._world.blind = False
        samples = outbox.samples(slug, bound.scenario.steps)
        held = bound.scenario.invariants(self._world, bound.data, samples)
        if self._world.blind:
            self._notes[UNCHECKED] = "the target's database is not ours to read"
            return ()
        return held

    def notes(self) -> Mapping[str, str]:
        """Return what a person must be told."""
        lacks = getattr(self.platform, "lacks", ())
        if lacks and UNCHECKED not in self._notes:
            self._notes[UNCHECKED] = f"the target has no {', '.join(sorted(lacks))}"
        told = {THROTTLED: self.platform.throttled, EXHAUSTED: getattr(self.platform, "exhausted", "")}
        return self._notes | {kind: text for kind, text in told.items() if text}

    def renew(self, credentials: Sequence[Credential]) -> None:
        """Use new credentials from now on."""
        if isinstance(self.platform, self._parts.MappedPlatform):
            self.platform.credentials = credentials

    def close(self) -> None:
        """Hang up."""
        self._stack.close()

    def _open_world(self, begin: Begin) -> RemoteWorld:
        target, reader = begin.plan.target, None
        if target.conninfo:
            reader = self._stack.enter_context(psycopg.connect(target.conninfo, autocommit=True))
        resources = self._stack.enter_context(ExitStack())
        rows = self._parts.rows_of(target, begin.shard)
        return remote_world(begin.run, self._config, self.platform, rows, resources, reader)

    def _executor(self, scenario: Scenario, begin: Begin, clock: Clock, tell: Tell) -> ScenarioExecutor:
        data = scenario.prepare(self._world, self._config.scenario(scenario.slug))
        bound = BoundScenario(scenario, self.platform, data)
        return ScenarioExecutor(bound, arrivals_of(scenario.slug, begin, clock), clock, tell)


def configuration(plan: Plan) -> Config:
    """Return the master's configuration: its values reach us with the plan, no file of ours is read."""
    settings = {
        name: Setting(Option(name, None), value, "the master", 0) for name, value in plan.settings.items()
    }
    return Config.of(plan.profile, settings)


def arrivals_of(slug: str, begin: Begin, clock: Clock) -> ArrivalShard:
    """Return this worker's share of a scenario's arrivals: of its schedule if there is one, else its own iterations."""
    first = begin.plan.first_iteration
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

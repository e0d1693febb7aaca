"""A worker's workplace in a Locust run: the platform over HTTP, the scenarios' data, and what must hold of them."""

from collections.abc import Mapping
from contextlib import ExitStack

import psycopg

from tailguard.base.clock import Clock
from tailguard.base.errors import UsageError
from tailguard.config.merge import Config, Setting
from tailguard.config.option import Option
from tailguard.config.suite_table import SuiteTable, find_file, require_suite, suite_in
from tailguard.engine.scenario import Invariant, Scenario
from tailguard.http.connections import Exchange
from tailguard.locust.schedule import schedule_in
from tailguard.locust.suite_hash import scenarios_sha256
from tailguard.locust.worker.arrival_shard import ClosedLane, Lane, OpenLane
from tailguard.locust.worker.outbox import Outbox
from tailguard.locust.worker.receipts import Audience
from tailguard.locust.worker.scenario_executor import Part, Role, Tell
from tailguard.locust.worker.worker import Message
from tailguard.pipeline.world import RemoteWorld, remote_world
from tailguard.suite.parts import parts_of
from tailguard.suite.registry import named_scenarios

UNCHECKED, THROTTLED, EXHAUSTED = "invariants_unchecked", "throttled", "pool_exhausted"


class HttpWorkplace:
    """Opened from the master's plan, with one role a scenario."""

    def __init__(self, plan: Message, clock: Clock, tell: Tell, wire: Exchange) -> None:
        """Raises UsageError where this worker's scenarios are not the master's, or the target does not answer."""
        self._suite = require_suite(suite_in(find_file()))
        self._parts = parts_of(self._suite)
        check_same(self._suite, plan["sha256"])
        self._stack = ExitStack()
        self._notes: dict[str, str] = {}
        self._config = configuration(plan)
        with ExitStack() as opening:
            opening.callback(self._stack.close)
            self.platform = self._parts.platform_of(plan, wire)
            self._stack.callback(self.platform.close)
            self._world = self._open_world(plan)
            self.roles = {
                each.slug: self._role(each, plan, clock, tell)
                for each in named_scenarios(self._suite, plan["slugs"])
            }
            opening.pop_all()

    @property
    def audiences(self) -> Mapping[str, Audience]:
        """The spectators of the scenarios that have such."""
        data = {slug: role.part.data for slug, role in self.roles.items()}
        return {slug: each.subscribers for slug, each in data.items() if hasattr(each, "subscribers")}

    def invariants(self, slug: str, outbox: Outbox) -> list[Invariant]:
        """Check a scenario by this worker's samples; none, with a note, where that needs what we cannot read."""
        part = self.roles[slug].part
        self._world.blind = False
        held = part.scenario.invariants(self._world, part.data, outbox.samples(slug, part.scenario.steps))
        if self._world.blind:
            self._notes[UNCHECKED] = "the target's database is not ours to read"
            return []
        return held

    def notes(self) -> Mapping[str, str]:
        """Return what a person must be told."""
        lacks = getattr(self.platform, "lacks", ())
        if lacks and UNCHECKED not in self._notes:
            self._notes[UNCHECKED] = f"the target has no {', '.join(sorted(lacks))}"
        told = {THROTTLED: self.platform.throttled, EXHAUSTED: getattr(self.platform, "exhausted", "")}
        return self._notes | {kind: text for kind, text in told.items() if text}

    def renew(self, message: Message) -> None:
        """Use new credentials from now on."""
        if isinstance(self.platform, self._parts.MappedPlatform):
            self.platform.credentials = message["credentials"]

    def close(self) -> None:
        """Hang up."""
        self._stack.close()

    def _open_world(self, plan: Message) -> RemoteWorld:
        reader = None
        if plan["conninfo"]:
            reader = self._stack.enter_context(psycopg.connect(plan["conninfo"], autocommit=True))
        resources = self._stack.enter_context(ExitStack())
        rows = self._parts.rows_of(plan)
        return remote_world(plan["run"], self._config, self.platform, rows, resources, reader)

    def _role(self, scenario: Scenario, plan: Message, clock: Clock, tell: Tell) -> Role:
        data = scenario.prepare(self._world, self._config.scenario(scenario.slug))
        return Role(Part(scenario, self.platform, data), lane_of(scenario.slug, plan, clock), clock, tell)


def configuration(plan: Message) -> Config:
    """Return the master's configuration: its values reach us with the plan, no file of ours is read."""
    settings = {
        name: Setting(Option(name, None), value, "the master", 0) for name, value in plan["settings"].items()
    }
    return Config.of(plan["profile"], settings)


def lane_of(slug: str, plan: Message, clock: Clock) -> Lane:
    """Return this worker's lane of a scenario: its part of the schedule where there is one, else its own turns."""
    place = plan["lane"], plan["lanes"], clock, plan["first_turn"]
    if not plan["open_model"]:
        return ClosedLane(*place)
    return OpenLane(schedule_in(plan["schedules"][slug]).starts_ns(), *place)


def check_same(suite: SuiteTable, master_sha256: str) -> None:
    """Raise UsageError where the master has other scenarios than we have."""
    own = scenarios_sha256(suite)
    if own != master_sha256:
        raise UsageError(
            f"its scenarios are not the master's: SHA-256 {own} here, {master_sha256} there. "
            "Install the same version on both."
        )

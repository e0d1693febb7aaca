"""A worker's workplace in a Locust run: the platform over HTTP, the scenarios' data, and what must hold of them."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, fields
from typing import Any, cast

import psycopg

from deltacrown.seed import Seeded, SeedSize
from deltacrown.tokens import Tokens as Signer
from perf.clock import Clock
from perf.config import Config, Setting
from perf.errors import UsageError
from perf.locust_lane import ClosedLane, Lane, OpenLane
from perf.locust_ledger import Outbox
from perf.locust_role import Part, Role, Tell
from perf.locust_schedule import schedule_in
from perf.locust_worker import Message
from perf.placement import Placement
from perf.scenario import Invariant, Scenario
from perf.setting import Key
from scenarios._http import HttpPlatform, Tokens
from scenarios._locust_hash import scenarios_sha256
from scenarios._registry import load_scenarios
from scenarios._wire import Exchange
from scenarios._world import World

NOT_CHECKED = "invariants_unchecked"
STAFF = 1  # the seed's first user may act for every wallet and certificate


@dataclass(frozen=True, slots=True)
class LaneSeeded(Seeded):
    """The seeded rows as one worker may use them: matches, whose versions it must know, are its lane's own."""

    lane: int
    lanes: int

    def matches_of(self, live_tournament: int) -> range:
        """Return this lane's match ids of a live tournament."""
        return Seeded.matches_of(self, live_tournament)[self.lane :: self.lanes]


class RemoteWorld(World):
    """The world of a worker: reached over HTTP; its database too where it may be read.

    `blind` is set where somebody asked the database and there is none.
    """

    blind = False

    def value(self, query: str, *parameters: Any) -> Any:
        """Return the single value of a query, None where the database is not ours to read."""
        if self._reader is None:
            self.blind = True
            return None
        return World.value(self, query, *parameters)


class HttpWorkplace:
    """Opened from the master's plan, with one role a scenario."""

    def __init__(self, plan: Message, clock: Clock, tell: Tell, wire: Exchange) -> None:
        """Raises UsageError where this worker's scenarios are not the master's, or the target does not answer."""
        check_same(plan["sha256"])
        self._stack = ExitStack()
        self._notes: dict[str, str] = {}
        self._config = configuration(plan)
        with ExitStack() as opening:
            opening.callback(self._stack.close)
            self.platform = self._platform(plan, wire)
            self._world = self._open_world(plan)
            self.roles = {
                scenario.slug: self._role(scenario, plan, clock, tell)
                for scenario in load_scenarios(plan["slugs"])
            }
            opening.pop_all()

    def invariants(self, slug: str, outbox: Outbox) -> list[Invariant]:
        """Check a scenario by this worker's samples; none, with a note, where that needs what we cannot read."""
        part = self.roles[slug].part
        self._world.blind = False
        held = part.scenario.invariants(self._world, part.data, outbox.samples(slug, part.scenario.steps))
        if self._world.blind:
            self._notes[NOT_CHECKED] = "the target's database is not ours to read"
            return []
        return held

    def notes(self) -> Mapping[str, str]:
        """Return what a person must be told."""
        return self._notes | ({"throttled": self.platform.throttled} if self.platform.throttled else {})

    def close(self) -> None:
        """Hang up."""
        self._stack.close()

    def _platform(self, plan: Message, wire: Exchange) -> HttpPlatform:
        users = seeded_of(plan).users
        signer = Signer(plan["secret"])
        platform = HttpPlatform(
            plan["host"], Tokens(signer.mint), staff=STAFF, spectator=users[-1], wire=wire
        )
        self._stack.callback(platform.close)
        return platform

    def _open_world(self, plan: Message) -> RemoteWorld:
        reader = None
        if plan["conninfo"]:
            reader = self._stack.enter_context(psycopg.connect(plan["conninfo"], autocommit=True))
        resources = self._stack.enter_context(ExitStack())
        world = RemoteWorld(
            plan["run"],
            self._config,
            cast("Any", None),
            None,
            self.platform,
            seeded_of(plan),
            (),
            Placement(None, None, pinned=False),
            resources,
            cast("Any", reader),
        )
        world._deadlocks_before = world._count_deadlocks()  # noqa: SLF001  # as open_world does
        return world

    def _role(self, scenario: Scenario, plan: Message, clock: Clock, tell: Tell) -> Role:
        data = scenario.prepare(self._world, self._config.scenario(scenario.slug))
        return Role(Part(scenario, self.platform, data), lane_of(scenario.slug, plan, clock), clock, tell)


def configuration(plan: Message) -> Config:
    """Return the master's configuration: its values reach us with the plan, no file of ours is read."""
    settings = {
        name: Setting(Key(name, None), value, "the master", 0) for name, value in plan["settings"].items()
    }
    return Config(plan["profile"], settings)


def lane_of(slug: str, plan: Message, clock: Clock) -> Lane:
    """Return this worker's lane of a scenario: its part of the schedule where there is one, else its own turns."""
    if not plan["open_model"]:
        return ClosedLane(plan["lane"], plan["lanes"], clock)
    return OpenLane(schedule_in(plan["schedules"][slug]).starts_ns(), plan["lane"], plan["lanes"], clock)


def seeded_of(plan: Message) -> LaneSeeded:
    """Return the rows that the reference platform is seeded with, as this lane may use them."""
    whole = Seeded.of(SeedSize())
    ranges = {each.name: getattr(whole, each.name) for each in fields(Seeded)}
    return LaneSeeded(**ranges, lane=plan["lane"], lanes=plan["lanes"])


def check_same(master_sha256: str) -> None:
    """Raise UsageError where the master has other scenarios than we have."""
    own = scenarios_sha256()
    if own != master_sha256:
        raise UsageError(
            f"its scenarios are not the master's: SHA-256 {own} here, {master_sha256} there. "
            "Install the same version on both."
        )

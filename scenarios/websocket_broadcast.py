"""WebSocket broadcast: a match update reaches everybody who watches the tournament.

Who: one participant who submits, and N spectators on open WebSockets. What: from the submission until the last
spectator has the update. Data: a pool of matches of one tournament, one update of a match on its way at a time;
the spectators are light clients in a process of their own, and one more observer reads the row on each event,
to see that no event overtakes its commit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perf.sample import Samples
from perf.scenario import Invariant, Scenario
from perf.session import Session
from perf.subscribers import Receipt, Subscribers
from scenarios._invariants import equals
from scenarios._locust_user import as_locust_user
from scenarios._observer import Observer
from scenarios._platform import REFUSALS, Platform
from scenarios._world import World

# Twice the limit of the objective: what comes later still counts as slow, not as lost.
LOST_AFTER_S = 10.0
FIRST_VERSION = 1  # what a seeded match has


@dataclass(frozen=True, slots=True)
class Arena:
    """The watched tournament: its matches, spectators and observer."""

    matches: tuple[int, ...]
    participants: tuple[int, ...]
    versions: list[int | None]
    subscribers: Subscribers
    observer: Observer | None

    def broadcast(self, platform: Platform, turn: int) -> Receipt:
        """Submit a result and wait until the last subscriber has it."""
        index = turn % len(self.matches)
        ticket = self.subscribers.expect(self.matches[index])
        score = abs(turn) % 1000 + 1
        submitted = platform.submit_result(
            self.matches[index], self.participants[index], score, 0, self.versions[index]
        )
        self.versions[index] = submitted.version
        return ticket.wait(LOST_AFTER_S)


def prepare(world: World, settings: Mapping[str, Any]) -> Arena:
    """Let the spectators and the observer in."""
    seeded = world.seeded
    tournament = seeded.live_tournaments[0]
    matches = tuple(seeded.matches_of(tournament))
    feed = world.platform.feed(tournament)
    subscribers = world.resources.enter_context(
        Subscribers(feed, settings["subscribers"], cpus=world.placement.server)
    )
    observer = None
    if "match_scores" not in getattr(world.platform, "lacks", ()):
        observer = world.resources.enter_context(Observer(feed, world.platform))
    return Arena(
        matches,
        tuple(seeded.participants(match)[0] for match in matches),
        [FIRST_VERSION] * len(matches),
        subscribers,
        observer,
    )


def journey(session: Session, platform: Platform, data: Arena) -> None:
    """Broadcast."""
    session.step("broadcast", data.broadcast, platform, session.turn)


def invariants(world: World, data: Arena, samples: Samples) -> list[Invariant]:
    """Every broadcast once per spectator, in order, none lost, none before its commit."""
    totals = data.subscribers.totals()
    return [
        equals("every broadcast reached every spectator once", expected=0, observed=totals["duplicates"]),
        equals("broadcasts arrived in order", expected=0, observed=totals["out_of_order"]),
        equals("no spectator was dropped", expected=0, observed=totals["dropped"]),
        *([] if data.observer is None else [committed_first(data.observer)]),
    ]


def committed_first(observer: Observer) -> Invariant:
    """Return whether each event came after its commit, as far as somebody looked."""
    return Invariant(
        "no event overtook its commit",
        held=observer.broken is None and observer.checked > 0 and observer.overtaken == 0,
        expected="0 rows older than their event",
        observed=observer.broken or f"{observer.overtaken} of {observer.checked} read",
    )


SCENARIO = Scenario(
    slug="websocket_broadcast",
    title="WebSocket broadcast",
    steps=("broadcast",),
    needs=frozenset({"postgres", "websocket"}),
    journey=journey,
    prepare=prepare,
    invariants=invariants,
    refusals=REFUSALS,
)

WebsocketBroadcastUser = as_locust_user(SCENARIO)

"""WebSocket broadcast: a match update reaches everybody who watches the tournament.

Who: one participant who submits, and N spectators on open WebSockets. What: from the submission until the last
spectator has the update. Data: a pool of matches of one tournament, one update of a match on its way at a time;
the spectators are light clients in a process of their own, and one more observer reads the row on each event,
to see that no event overtakes its commit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perf.invariants import equals
from perf.observer import Observer
from perf.platform import REFUSALS, Platform
from tailguard.engine.iteration import Session
from tailguard.engine.scenario import Scenario
from tailguard.pipeline.feed_switches import is_cut_off, is_under_faults, switched
from tailguard.pipeline.world import World
from tailguard.record.samples import Samples
from tailguard.record.scenario import Invariant
from tailguard.websocket.messages import Receipt, Totals
from tailguard.websocket.subscribers import BroadcastLostError, Subscribers

# Twice the limit of the objective: what comes later still counts as slow, not as lost.
LOST_AFTER_S = 10.0
FIRST_VERSION = 1  # what a seeded match has


@dataclass(frozen=True, slots=True)
class Arena:
    """The watched tournament: its matches, spectators and observer.

    `scores` are those that a match's row may show: the last acknowledged one, and what failed after it without saying
    whether it was committed; none before the first acknowledged one.
    """

    matches: tuple[int, ...]
    participants: tuple[int, ...]
    versions: list[int | None]
    scores: list[set[int]]
    subscribers: Subscribers
    observer: Observer | None

    def broadcast(self, platform: Platform, turn: int) -> Receipt:
        """Submit a result and wait until the last subscriber has it."""
        index = turn % len(self.matches)
        ticket = self.subscribers.expect(self.matches[index])
        score = abs(turn) % 1000 + 1
        if self.scores[index]:
            self.scores[index].add(score)
        version, self.versions[index] = self.versions[index], None  # unknown, should this fail
        submitted = platform.submit_result(self.matches[index], self.participants[index], score, 0, version)
        self.versions[index] = submitted.version
        self.scores[index] = {score}
        return ticket.wait(LOST_AFTER_S)


def prepare(world: World, settings: Mapping[str, Any]) -> Arena:
    """Let the spectators and the observer in."""
    seeded = world.seeded
    tournament = seeded.live_tournaments[0]
    matches = tuple(seeded.matches_of(tournament))
    feed = world.platform.feed(tournament)
    cut_off = is_cut_off(world)
    subscribers = world.resources.enter_context(
        Subscribers(
            switched(feed, world) if cut_off else feed,
            settings["subscribers"],
            cpus=world.placement.server,
            come_back=cut_off,
        )
    )
    observer = None
    if "match_scores" not in getattr(world.platform, "lacks", ()):
        observer = world.resources.enter_context(
            Observer(feed, world.platform, patient=is_under_faults(world))
        )
    return Arena(
        matches,
        tuple(seeded.participants(match)[0] for match in matches),
        [FIRST_VERSION] * len(matches),
        [set() for _ in matches],
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
        equals("every broadcast reached every spectator once", expected=0, observed=totals.duplicates),
        equals("broadcasts arrived in order", expected=0, observed=totals.out_of_order),
        *(after_drops(data, totals, samples) if data.subscribers.come_back else never_dropped(totals)),
        *([] if data.observer is None else [committed_first(data.observer)]),
        *([kept(world.platform, data)] if is_under_faults(world) and data.observer is not None else []),
    ]


def never_dropped(totals: Totals) -> list[Invariant]:
    """Return whether all connections held."""
    return [equals("no spectator was dropped", expected=0, observed=totals.dropped)]


def after_drops(data: Arena, totals: Totals, samples: Samples) -> list[Invariant]:
    """Return whether those who were cut off came back, and lost nothing while in the room.

    What was sent meanwhile is missed, not lost: the platform repeats no event, and a client that comes back reads the
    state anew (`kept`).
    """
    name = BroadcastLostError.__name__
    lost = (samples.error == samples.errors.index(name)).sum() if name in samples.errors else 0
    return [
        Invariant(
            name="no broadcast was lost to a spectator in the room",
            held=not lost,
            expected="0",
            observed=f"{lost}; {totals.missed} missed by those cut off",
        ),
        Invariant(
            name="every spectator who was cut off came back",
            held=not totals.away,
            expected="0 away",
            observed=f"{totals.away} away after {totals.dropped} drops",
        ),
    ]


def kept(platform: Platform, data: Arena) -> Invariant:
    """Return whether each match's row shows its last acknowledged score, or one that failed after it."""
    rows = [platform.match_scores(match).participant1_score for match in data.matches]
    wrong = sum(bool(scores) and row not in scores for row, scores in zip(rows, data.scores, strict=True))
    return equals("every acknowledged result can be read", expected=0, observed=wrong)


def committed_first(observer: Observer) -> Invariant:
    """Return whether each event came after its commit, as far as somebody looked."""
    return Invariant(
        name="no event overtook its commit",
        held=observer.broken is None and observer.checked > 0 and observer.overtaken == 0,
        expected="0 rows older than their event",
        observed=observer.broken
        or f"{observer.overtaken} of {observer.checked} read"
        + (f", {observer.unread} could not be read" if observer.unread else ""),
    )


SCENARIO = Scenario(
    slug="websocket_broadcast",
    title="WebSocket broadcast",
    steps=("broadcast",),
    needs=frozenset({"postgres", "websocket"}),
    journey=journey,
    prepare=prepare,
    invariants=invariants,
    outages=lambda data: data.subscribers.outages,
    refusals=REFUSALS,
)

"""WebSocket broadcast: a match update reaches everybody who watches the tournament.

Who: one participant who submits, and N spectators on open WebSockets. What: from the submission until the last
spectator has the update. Data: a pool of matches of one tournament, one update of a match on its way at a time;
the spectators are light clients in a process of their own, and one more observer reads the row on each event,
to see that no event overtakes its commit.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import tailguard as tg
from perf.matches import Matches
from perf.observer import Observer
from perf.offer import Offer, Rows
from perf.platform import REFUSALS, Broadcasts, ReadsScores
from perf.spectators import after_drops, never_dropped
from tailguard.faults import cut_off, switched
from tailguard.websocket import Feed, Receipt, Subscribers

# Twice the limit of the objective: what comes later still counts as slow, not as lost.
LOST_AFTER_S = 10.0


@dataclass(frozen=True, slots=True)
class Broadcast:
    """How many connections each broadcast must reach."""

    subscribers: int


@tg.fixture(scope="run")
def rows(offer: Offer) -> Rows:
    """The watched tournament is among them."""
    return offer.rows_for("websocket_broadcast")


@tg.fixture
def matches(rows: Rows, shard: tg.Shard) -> Matches:
    """This process's part of the watched tournament's, as nobody else may know their versions."""
    return Matches(rows.watched[shard.index :: shard.count])


@tg.fixture
def feed(platform: Broadcasts, rows: Rows) -> Feed:
    """The watched tournament's."""
    return platform.feed(rows.watched_tournament)


@tg.fixture
def subscribers(feed: Feed, config: tg.Config, run: tg.Run) -> Iterator[Subscribers]:
    """The spectators; if this run cuts them off, they come through a switch, and come back."""
    count = config.read("scenario.websocket_broadcast", Broadcast).subscribers
    with (
        switched(feed, run) as reached,
        Subscribers(reached, count, cpus=run.placement.server, come_back=cut_off(run)) as subscribers,
    ):
        yield subscribers


@tg.fixture
def observer(platform: Broadcasts, feed: Feed, offer: Offer, run: tg.Run) -> Iterator[Observer | None]:
    """Reads the row on each event; None if the platform lets nobody read a match's scores."""
    if "match_scores" in offer.absent:
        yield None
        return
    assert isinstance(platform, ReadsScores)
    with Observer(feed, platform, offer.event, patient=bool(run.faults)) as observer:
        yield observer


def broadcast(
    platform: Broadcasts, matches: Matches, subscribers: Subscribers, number: int
) -> tg.Timed[Receipt]:
    """Submit a result and wait for the last subscriber, who says itself when it had the event."""
    match = matches.at(number)
    ticket = subscribers.expect(match.id)
    match.submit(platform, number)
    receipt = ticket.wait(LOST_AFTER_S)
    return tg.Timed(receipt, ended_ns=receipt.ended_ns)


@tg.scenario(title="WebSocket broadcast", rate="100/s", steps=["broadcast"], refusals=REFUSALS)
def websocket_broadcast(
    it: tg.Iteration, platform: Broadcasts, matches: Matches, subscribers: Subscribers
) -> None:
    """Broadcast."""
    it.step("broadcast", broadcast, platform, matches, subscribers, it.number)


@websocket_broadcast.invariants
def holds(
    matches: Matches,
    subscribers: Subscribers,
    observer: Observer | None,
    offer: Offer,
    run: tg.Run,
    samples: tg.Samples,
) -> Iterator[tg.Invariant]:
    """Every broadcast once per spectator, in order, none lost, none before its commit."""
    totals = subscribers.totals()
    yield tg.expect("every broadcast reached every spectator once", 0, totals.duplicates)
    yield tg.expect("broadcasts arrived in order", 0, totals.out_of_order)
    yield from after_drops(totals, samples) if subscribers.come_back else never_dropped(totals)
    if observer is None:
        tg.skip(f"no event is compared with its row: {offer.absent['match_scores']}")
    yield observer.committed_first()
    if run.faults:
        yield tg.expect("every acknowledged result can be read", 0, matches.wrong(observer.platform))

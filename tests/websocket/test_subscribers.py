"""Subscribers in a process of their own, against a real WebSocket server of a few lines."""

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psutil
import pytest
from msgspec.structs import replace
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.protocol import State

from tailguard.base.errors import UsageError
from tailguard.faults.proxy import Fault, FaultProxy
from tailguard.websocket.messages import Feed, Totals
from tailguard.websocket.subscribers import BroadcastLostError, Subscribers
from tests.support.waiting import eventually

SOON_S = 1.5  # by then a busy machine has delivered what was sent

pytestmark = pytest.mark.system


class Room:
    """A server on its own thread; `send` broadcasts to all, or to all but the first few."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.connections: list[ServerConnection] = []
        self.pongs = 0
        self.greeting = json.dumps({"type": "connection_established"})
        self.goodbye: tuple[int, str] | None = None  # after the greeting

    async def handle(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        await connection.send(self.greeting)
        if self.goodbye:
            await connection.close(*self.goodbye)
        async for text in connection:
            self.pongs += json.loads(text).get("type") == "pong"

    def send(self, text: str, *, skip: int = 0) -> None:
        self.loop.call_soon_threadsafe(broadcast, self.connections[skip:], text)


@contextmanager
def running(room: Room) -> Iterator[Feed]:
    started = threading.Event()
    stop = asyncio.Event()
    port = 0

    async def main() -> None:
        nonlocal port
        async with serve(room.handle, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            started.set()
            await stop.wait()

    def run() -> None:
        asyncio.set_event_loop(room.loop)
        room.loop.run_until_complete(main())
        room.loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    started.wait(60)
    try:
        yield Feed(
            f"ws://127.0.0.1:{port}/?token=hush",
            {},
            "connection_established",
            "score_updated",
            "data.match_id",
            "hush",
        )
    finally:
        room.loop.call_soon_threadsafe(stop.set)
        thread.join(60)


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
def feed(room: Room) -> Iterator[Feed]:
    with running(room) as feed:
        yield feed


def update(match: int, score: int = 1) -> str:
    return json.dumps({"type": "score_updated", "data": {"match_id": match, "participant1_score": score}})


def test_a_receipt_comes_when_the_last_subscriber_has_the_event(room: Room, feed: Feed) -> None:
    with Subscribers(feed, 20) as subscribers:
        ticket = subscribers.expect(7)
        sent_ns = time.monotonic_ns()
        room.send(update(7))
        receipt = ticket.wait(60)
    assert receipt.count == 20
    assert sent_ns < receipt.first_ns <= receipt.ended_ns <= time.monotonic_ns()


def test_a_broadcast_that_misses_a_subscriber_is_lost_and_says_how_far_it_came(
    room: Room, feed: Feed
) -> None:
    with Subscribers(feed, 5) as subscribers:
        ticket = subscribers.expect(7)
        room.send(update(7), skip=2)
        with pytest.raises(
            BroadcastLostError, match=r"3 of 5 subscribers had the event with data\.match_id 7 after"
        ):
            ticket.wait(SOON_S)


def test_a_broadcast_that_never_comes_is_lost(feed: Feed) -> None:
    with Subscribers(feed, 2) as subscribers, pytest.raises(BroadcastLostError, match="0 of 2"):
        subscribers.expect(1).wait(0.1)


@pytest.mark.parametrize(
    ("sent", "heard"),
    [
        ([], "no frame came"),
        ([update(8), update(9)], r"score_updated \(2\); the last events had data\.match_id 8, 9"),
        (
            ['{"type": "score_updated", "match": 7}'],
            r"score_updated; the last events had data\.match_id None",
        ),
        (['{"type": "scores"}', '{"type": "token hush"}'], r"frames came of type scores, token \*\*\*$"),
    ],
    ids=["nothing", "other matches", "wrong path", "wrong type"],
)
def test_a_broadcast_that_does_not_come_says_what_came_instead(
    room: Room, feed: Feed, sent: list[str], heard: str
) -> None:
    with Subscribers(feed, 1) as subscribers:
        ticket = subscribers.expect(7)
        for text in sent:
            room.send(text)
        with pytest.raises(
            BroadcastLostError, match=f"0 of 1 .* data.match_id 7 after {SOON_S} s: .*{heard}"
        ):
            ticket.wait(SOON_S)


def test_who_is_closed_before_the_welcome_says_the_code_at_once_and_what_came(room: Room, feed: Feed) -> None:
    room.greeting, room.goodbye = '{"type": "error"}', (4001, "no token, not hush")
    began_s = time.monotonic()
    with (
        pytest.raises(
            UsageError,
            match=r"frames came of type error; the server closed with code 4001 \(no token, not \*\*\*\)",
        ),
        Subscribers(feed, 1),
    ):
        pass
    assert time.monotonic() - began_s < 15


def test_who_is_not_welcomed_says_which_frames_came(room: Room, feed: Feed) -> None:
    room.greeting = '{"type": "hello"}'
    with (
        pytest.raises(
            UsageError, match="no 'connection_established' frame within 4 s: frames came of type hello"
        ),
        Subscribers(feed, 1, start_timeout_s=4.0),
    ):
        pass


def test_the_same_match_can_be_broadcast_again(room: Room, feed: Feed) -> None:
    with Subscribers(feed, 3) as subscribers:
        for score in range(3):
            ticket = subscribers.expect(7)
            room.send(update(7, score))
            assert ticket.wait(60).count == 3
        assert replace(subscribers.totals(), heard="", cpu_ns=0) == Totals(
            events=3, duplicates=0, out_of_order=0, dropped=0, away=0, missed=0, received=9, cpu_ns=0
        )


def test_what_receiving_costs_is_counted_per_event(room: Room, feed: Feed) -> None:
    with Subscribers(feed, 3) as subscribers:
        assert subscribers.counters() == {"events received by 3 subscribers": 0}
        ticket = subscribers.expect(7)
        room.send(update(7))
        ticket.wait(60)
        counters = subscribers.counters()
    assert counters["events received by 3 subscribers"] == 3
    assert counters["ns of CPU per event received"] > 0


def test_a_process_that_has_ended_counts_nothing(feed: Feed, room: Room) -> None:
    with Subscribers(feed, 1) as subscribers:
        os.kill(subscribers.pid, signal.SIGKILL)
        assert subscribers.counters() == {}


def test_an_event_sent_twice_is_counted_as_duplicates(room: Room, feed: Feed) -> None:
    with Subscribers(feed, 4) as subscribers:
        room.send(update(7))
        room.send(update(7))
        assert eventually(lambda: subscribers.totals().duplicates == 4)
        assert subscribers.totals().events == 1


def test_an_event_that_overtakes_another_is_out_of_order(room: Room, feed: Feed) -> None:
    with Subscribers(feed, 2) as subscribers:
        room.send(update(1))
        room.send(update(2), skip=1)
        assert eventually(lambda: subscribers.totals().events == 2)
        room.send(update(3))
        room.loop.call_soon_threadsafe(broadcast, room.connections[:1], update(2))
        assert eventually(lambda: subscribers.totals().out_of_order == 1)


def test_application_pings_are_answered(room: Room, feed: Feed) -> None:
    with Subscribers(feed, 3):
        room.send(json.dumps({"type": "ping", "timestamp": 1}))
        assert eventually(lambda: room.pongs == 3)


def test_a_server_that_refuses_is_named_without_the_token() -> None:
    feed = Feed(
        "ws://127.0.0.1:9/?token=hush", {}, "connection_established", "score_updated", "data.match_id", "hush"
    )
    with pytest.raises(UsageError, match="2 subscribers could not join") as caught, Subscribers(feed, 2):
        pass
    assert "hush" not in str(caught.value)


def test_a_server_without_a_welcome_is_given_up_on(room: Room, feed: Feed) -> None:
    room.greeting = json.dumps({"type": "hello"})
    with (
        pytest.raises(UsageError, match="no 'connection_established' frame"),
        Subscribers(feed, 1, start_timeout_s=0.3),
    ):
        pass


def test_no_process_is_left_behind(feed: Feed) -> None:
    with Subscribers(feed, 2) as subscribers:
        pid = subscribers.pid
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid)


def test_a_follower_has_every_event_and_the_unfinished_are_listed(room: Room, feed: Feed) -> None:
    with Subscribers(feed, 3) as one, Subscribers(feed, 2) as other:
        seen: dict[str, list[int]] = {"one": [], "other": []}
        one.follow(lambda receipt: seen["one"].append(receipt.id))
        other.follow(lambda receipt: seen["other"].append(receipt.id))
        room.send(update(7, 1))
        room.send(update(7, 2))
        assert eventually(lambda: len(seen["one"]) == len(seen["other"]) == 2)
        assert seen["one"] == seen["other"]  # the same event has one id at every crowd
        assert len(set(seen["one"])) == 2
        room.send(update(8), skip=1)
        assert eventually(lambda: len(seen["other"]) == 3)
        left = [(2, seen["other"][-1])]
        assert eventually(lambda: [(each.count, each.id) for each in one.unfinished()] == left)


@pytest.fixture
def proxied(feed: Feed) -> Iterator[tuple[Feed, FaultProxy]]:
    """The feed through a proxy that can cut subscribers off."""
    parts = urlsplit(feed.url)
    with FaultProxy(parts.hostname or "", parts.port or 0) as proxy:
        yield replace(feed, url=feed.url.replace(parts.netloc, proxy.address)), proxy


def test_who_is_cut_off_comes_back_and_what_was_missed_meanwhile_is_not_lost(
    room: Room, proxied: tuple[Feed, FaultProxy]
) -> None:
    through, proxy = proxied
    with Subscribers(through, 10, come_back=True) as subscribers:
        proxy.set([Fault("down", 0.3)])
        assert eventually(lambda: subscribers.totals().away == 3)
        ticket = subscribers.expect(7)
        room.send(update(7))
        receipt = ticket.wait(60)
        assert (receipt.count, receipt.awaited) == (7, 0)
        assert subscribers.totals().missed == 3
        assert eventually(lambda: proxy.injected["down"] > 6)  # each of them tried in vain, again and again
        proxy.set([])
        assert eventually(lambda: subscribers.totals().away == 0)
        assert eventually(lambda: len(subscribers.outages) == 3)
        assert all(outage.began_ns < outage.ended_ns for outage in subscribers.outages)
        time.sleep(0.3)  # who has just come back is awaited after a moment
        ticket = subscribers.expect(8)
        room.send(update(8))
        assert ticket.wait(60).count == 10
        assert replace(subscribers.totals(), heard="", cpu_ns=0) == Totals(
            events=2, duplicates=0, out_of_order=0, dropped=3, away=0, missed=3, received=17, cpu_ns=0
        )


def test_a_broadcast_that_misses_somebody_in_the_room_is_lost_though_others_are_away(
    room: Room, proxied: tuple[Feed, FaultProxy]
) -> None:
    through, proxy = proxied
    with Subscribers(through, 4, come_back=True) as subscribers:
        proxy.set([Fault("down", 0.25)])
        assert eventually(lambda: subscribers.totals().away == 1)
        ticket = subscribers.expect(7)
        room.loop.call_soon_threadsafe(
            broadcast, [each for each in room.connections if each.state == State.OPEN][1:], update(7)
        )
        with pytest.raises(BroadcastLostError, match="2 of 4"):
            ticket.wait(SOON_S)


def test_without_coming_back_who_was_dropped_makes_every_broadcast_lost(
    room: Room, proxied: tuple[Feed, FaultProxy]
) -> None:
    through, proxy = proxied
    with Subscribers(through, 2) as subscribers:
        proxy.drop(0.5)
        assert eventually(lambda: subscribers.totals().dropped == 1)
        ticket = subscribers.expect(7)
        room.send(update(7))
        with pytest.raises(BroadcastLostError, match="1 of 2"):
            ticket.wait(SOON_S)


def test_whoever_waits_for_a_killed_process_is_told_at_once_how_it_ended(room: Room, feed: Feed) -> None:
    with Subscribers(feed, 2) as subscribers:
        waiting = subscribers.expect(7)
        os.kill(subscribers.pid, signal.SIGKILL)
        began_s = time.monotonic()
        for ticket in (waiting, subscribers.expect(8)):
            with pytest.raises(BroadcastLostError, match="process has ended: it was ended by signal 9"):
                ticket.wait(30)
        with pytest.raises(BroadcastLostError, match="process has ended"):
            subscribers.totals(30)
        assert time.monotonic() - began_s < 20
        assert subscribers.failure


def test_a_stopped_process_is_asked_once_and_ended_with_the_rest(room: Room, feed: Feed) -> None:
    with Subscribers(feed, 2) as subscribers:
        process = psutil.Process(subscribers.pid)
        process.suspend()
        for patience_s in (0.5, 1e9):
            with pytest.raises(BroadcastLostError, match="no longer answers"):
                subscribers.totals(patience_s)
    assert not process.is_running()


def test_a_process_that_stood_still_says_for_how_long(room: Room, feed: Feed) -> None:
    with Subscribers(feed, 2) as subscribers:
        process = psutil.Process(subscribers.pid)
        process.suspend()
        time.sleep(0.6)
        process.resume()
        assert eventually(lambda: subscribers.held_ns > 400e6)
        assert subscribers.totals().dropped == 0


def test_ctrl_c_is_not_the_subscribers_to_hear(room: Room, feed: Feed) -> None:
    with Subscribers(feed, 2) as subscribers:
        os.kill(subscribers.pid, signal.SIGINT)
        ticket = subscribers.expect(7)
        room.send(update(7))
        assert ticket.wait(30).count == 2

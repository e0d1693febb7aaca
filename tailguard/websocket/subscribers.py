"""Measuring WebSocket subscribers: N light clients in a process of their own; when did the last have an event?"""

import threading
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Self

import msgspec

from tailguard.base.errors import UsageError
from tailguard.base.extras import command_of
from tailguard.base.piped_process import PipedProcess
from tailguard.record.chaos import Outage
from tailguard.record.part import Scalar
from tailguard.websocket.messages import (
    AskTotals,
    AskUnfinished,
    CameBack,
    Failed,
    Feed,
    Flush,
    Held,
    Ready,
    Receipt,
    Request,
    Said,
    Task,
    Totals,
    Unfinished,
)

ENDED = "the subscribers' process has ended"
DEAF = "the subscribers' process no longer answers"


class BroadcastLostError(Exception):
    """Not every subscriber received the broadcast in time."""


class Ticket:
    """The wait for one broadcast; taken before the broadcast is triggered."""

    __slots__ = ("_arrived", "_receipt", "_subscribers", "key")

    def __init__(self, subscribers: "Subscribers", key: Scalar) -> None:
        self._subscribers, self.key = subscribers, key
        self._arrived = threading.Event()
        self._receipt: Receipt | None = None

    def fulfil(self, receipt: Receipt) -> None:
        self._receipt = receipt
        self._arrived.set()

    def give_up(self) -> None:
        """Nobody will ever fulfil it."""
        self._arrived.set()

    def wait(self, timeout_s: float) -> Receipt:
        """Return the receipt of the last subscriber.

        Raises `BroadcastLostError` if some subscriber has not got it within `timeout_s`.
        """
        if not self._arrived.wait(timeout_s):
            self._subscribers.flush(self.key)
            self._arrived.wait(1.0)
        self._subscribers.forget(self.key)
        expected, receipt = self._subscribers.count, self._receipt
        if receipt is None and self._subscribers.failure:
            raise BroadcastLostError(self._subscribers.failure)
        if receipt is None or receipt.awaited:
            got = receipt.count if receipt else 0
            raise BroadcastLostError(
                f"{got} of {expected} subscribers had the event with {self._subscribers.feed.key_path} {self.key} "
                f"after {timeout_s:g} s: {self._subscribers.heard()}"
            )
        return receipt


class Subscribers:
    """`count` subscribers of one feed. A context manager: entering waits until all of them are in the room.

    With `come_back` dropped subscribers reconnect, with backoff: a broadcast is then lost only if somebody in the
    room did not get it, and missed by those who were not in it. `outages` are the times out of the room that have
    ended.

    Attributes:
        failure: why the process tells nothing more, "" if it does.
        held_ns: the longest time for which the process stood still; a receipt may be late by as much.
    """

    def __init__(
        self,
        feed: Feed,
        count: int,
        *,
        cpus: Sequence[int] | None = None,
        start_timeout_s: float = 20.0,
        come_back: bool = False,
    ) -> None:
        """`cpus` are the cores of the subscribers' process, if the platform lets it choose."""
        self.come_back = come_back
        self.outages: list[Outage] = []
        self.feed, self.count, self._start_timeout_s = feed, count, start_timeout_s
        self._cpus = None if cpus is None else tuple(cpus)
        self._process = PipedProcess("tailguard.websocket.subscriber_process")
        self._tickets: dict[Scalar, Ticket] = {}
        self._ready, self._totalled = threading.Event(), threading.Event()
        self.failure = ""
        self.held_ns = 0
        self._totals: Totals | None = None
        self._listed = threading.Event()
        self._unfinished: tuple[Receipt, ...] = ()
        self._follower: Callable[[Receipt], None] | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        if find_spec("picows") is None:  # which the other process would only die of
            raise UsageError(
                f"The part [websocket] of Tailguard is not installed: {command_of('websocket')}."
            )
        self._process.__enter__()
        self._reader = threading.Thread(target=self._read, name="subscribers", daemon=True)
        self._reader.start()
        self._send(Task(feed=self.feed, subscribers=self.count, cpus=self._cpus, come_back=self.come_back))
        deadline = time.monotonic() + self._start_timeout_s
        while not self._ready.wait(0.05) and not self.failure and time.monotonic() < deadline:
            pass
        if self.failure or not self._ready.is_set():
            why = self.failure or (
                f"no {self.feed.ready_type!r} frame within {self._start_timeout_s:g} s: {self.heard()}"
            )
            self.close()
            raise UsageError(
                f"{self.count} subscribers could not join {self._shown_url()}: {why}. "
                "Check that the server runs, that the Origin's host is allowed and that the token is valid."
            )
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def expect(self, key: Scalar) -> Ticket:
        """Announce a broadcast, before it is triggered. One broadcast of a key may be on its way at a time."""
        ticket = self._tickets[key] = Ticket(self, key)
        if self.failure:
            ticket.give_up()
        return ticket

    @property
    def pid(self) -> int:
        """The process that the subscribers live in."""
        return self._process.pid

    def totals(self, timeout_s: float = 5.0) -> Totals:
        """Return the counts so far."""
        self._totalled.clear()
        self._send(AskTotals())
        self._await(self._totalled, timeout_s)
        assert self._totals is not None
        return self._totals

    def counters(self) -> dict[str, int]:
        """Return how many events were received, and what that cost; nothing if it is not known."""
        try:
            totals = self.totals()
        except BroadcastLostError:  # which is a doubt about the run by itself
            return {}
        per_event = (
            {"ns of CPU per event received": totals.cpu_ns // totals.received} if totals.received else {}
        )
        return {f"events received by {self.count} subscribers": totals.received, **per_event}

    def heard(self) -> str:
        """Return in words what came over the connections, and how they were closed."""
        try:
            return self.totals(timeout_s=1.0).heard
        except BroadcastLostError as error:
            return str(error)

    def follow(self, follower: Callable[[Receipt], None]) -> None:
        """Hand over the receipt of each event that all subscribers have, no matter who triggered it."""
        self._follower = follower

    def unfinished(self, timeout_s: float = 5.0) -> tuple[Receipt, ...]:
        """Return the receipts, as in `follow`, of the events that some subscribers have and some have not."""
        self._listed.clear()
        self._send(AskUnfinished())
        self._await(self._listed, timeout_s)
        return self._unfinished

    def flush(self, key: Scalar) -> None:
        """Ask how far the broadcast of `key` came."""
        self._send(Flush(key))

    def forget(self, key: Scalar) -> None:
        """Stop waiting for `key`."""
        self._tickets.pop(key, None)

    def close(self) -> None:
        """Hang up and wait for the process to end."""
        self._process.__exit__(None, None, None)
        self._reader.join()

    def _await(self, answer: threading.Event, timeout_s: float) -> None:
        """Wait for an answer, not twice for a process that gives none."""
        if self.failure or not answer.wait(timeout_s):
            self._fail(DEAF)
            raise BroadcastLostError(self.failure)

    def _send(self, message: Task | Request) -> None:
        with self._lock:
            try:
                self._process.send(msgspec.json.encode(message))
            except (BrokenPipeError, ValueError):
                self._fail(ENDED)

    def _read(self) -> None:
        for line in self._process.lines():
            self._take(msgspec.json.decode(line, type=Said))
        self._fail(f"{ENDED}: it {how}" if (how := self._process.ended(1.0)) else ENDED)

    def _fail(self, why: str) -> None:
        """No more events will arrive: wake all waiting callers at once."""
        self.failure = self.failure or why
        for ticket in list(self._tickets.values()):
            ticket.give_up()

    def _take(self, said: Said) -> None:
        match said:
            case Receipt():
                self._take_receipt(said)
            case CameBack():
                self.outages.append(Outage(began_ns=said.began_ns, ended_ns=said.ended_ns))
            case Ready():
                self._ready.set()
            case Failed():
                self._fail(said.why)
            case Held():
                self.held_ns = max(self.held_ns, said.held_ns)
            case Unfinished():
                self._unfinished = said.receipts
                self._listed.set()
            case Totals():
                self._totals = said
                self._totalled.set()

    def _take_receipt(self, receipt: Receipt) -> None:
        ticket = self._tickets.get(receipt.key)
        if ticket is not None:
            ticket.fulfil(receipt)
        if self._follower is not None and not receipt.awaited:
            self._follower(receipt)

    def _shown_url(self) -> str:
        return self.feed.url.replace(self.feed.secret, "***") if self.feed.secret else self.feed.url

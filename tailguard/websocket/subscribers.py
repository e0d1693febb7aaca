"""Measuring WebSocket subscribers: N light clients in a process of their own; when did the last have an event?"""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

import msgspec

from tailguard.base.errors import UsageError
from tailguard.record.chaos import Outage
from tailguard.record.part import Scalar
from tailguard.websocket.messages import (
    AskTotals,
    AskUnfinished,
    CameBack,
    Failed,
    Feed,
    Flush,
    Ready,
    Receipt,
    Request,
    Said,
    Task,
    Totals,
    Unfinished,
)


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

    def wait(self, timeout_s: float) -> Receipt:
        """Return the receipt of the last subscriber.

        Raises `BroadcastLostError` if some subscriber has not got it within `timeout_s`.
        """
        if not self._arrived.wait(timeout_s):
            self._subscribers.flush(self.key)
            self._arrived.wait(1.0)
        self._subscribers.forget(self.key)
        expected, receipt = self._subscribers.count, self._receipt
        if receipt is None or receipt.awaited:
            got = receipt.count if receipt else 0
            raise BroadcastLostError(
                f"{got} of {expected} subscribers had event {self.key} after {timeout_s:g} s"
            )
        return receipt


class Subscribers:
    """`count` subscribers of one feed. A context manager: entering waits until all of them are in the room.

    With `come_back` dropped subscribers reconnect, with backoff: a broadcast is then lost only if somebody in the
    room did not get it, and missed by those who were not in it. `outages` are the times out of the room that have
    ended.
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
        self._tickets: dict[Scalar, Ticket] = {}
        self._ready, self._totalled = threading.Event(), threading.Event()
        self._failure: str | None = None
        self._totals: Totals | None = None
        self._listed = threading.Event()
        self._unfinished: tuple[Receipt, ...] = ()
        self._follower: Callable[[Receipt], None] | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tailguard.websocket.subscriber_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._reader = threading.Thread(target=self._read, name="subscribers", daemon=True)
        self._reader.start()
        self._send(Task(feed=self.feed, subscribers=self.count, cpus=self._cpus, come_back=self.come_back))
        deadline = time.monotonic() + self._start_timeout_s
        while not self._ready.wait(0.05) and self._failure is None and time.monotonic() < deadline:
            pass
        if self._failure or not self._ready.is_set():
            why = self._failure or f"no {self.feed.ready_type!r} frame within {self._start_timeout_s:g} s"
            self.close()
            raise UsageError(
                f"{self.count} subscribers could not join {self._shown_url()}: {why}. "
                "Check that the server runs, that the Origin's host is allowed and that the token is valid."
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def expect(self, key: Scalar) -> Ticket:
        """Announce a broadcast, before it is triggered. One broadcast of a key may be on its way at a time."""
        ticket = self._tickets[key] = Ticket(self, key)
        return ticket

    @property
    def pid(self) -> int:
        """The process that the subscribers live in."""
        return self._process.pid

    def totals(self, timeout_s: float = 5.0) -> Totals:
        """Return the counts so far."""
        self._totalled.clear()
        self._send(AskTotals())
        if not self._totalled.wait(timeout_s) or self._totals is None:
            raise BroadcastLostError("the subscribers' process no longer answers")
        return self._totals

    def follow(self, follower: Callable[[Receipt], None]) -> None:
        """Hand over the receipt of each event that all subscribers have, whoever triggered it."""
        self._follower = follower

    def unfinished(self, timeout_s: float = 5.0) -> tuple[Receipt, ...]:
        """Return the receipts, as in `follow`, of the events that some subscribers have and some have not."""
        self._listed.clear()
        self._send(AskUnfinished())
        if not self._listed.wait(timeout_s):
            raise BroadcastLostError("the subscribers' process no longer answers")
        return self._unfinished

    def flush(self, key: Scalar) -> None:
        """Ask how far the broadcast of `key` came."""
        self._send(Flush(key))

    def forget(self, key: Scalar) -> None:
        """Stop waiting for `key`."""
        self._tickets.pop(key, None)

    def close(self) -> None:
        """Hang up and wait for the process to end."""
        if self._process.stdin and not self._process.stdin.closed:
            with suppress(BrokenPipeError):  # it has ended already, which is what closing asks for
                self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        if self._process.stdout:
            self._process.stdout.close()

    def _send(self, message: Task | Request) -> None:
        with self._lock:
            assert self._process.stdin is not None
            try:
                self._process.stdin.write(msgspec.json.encode(message) + b"\n")
                self._process.stdin.flush()
            except (BrokenPipeError, ValueError):
                self._failure = self._failure or "the subscribers' process has ended"

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._take(msgspec.json.decode(line, type=Said))
        self._failure = self._failure or "the subscribers' process has ended"

    def _take(self, said: Said) -> None:
        match said:
            case Receipt():
                self._take_receipt(said)
            case CameBack():
                self.outages.append(Outage(began_ns=said.began_ns, ended_ns=said.ended_ns))
            case Ready():
                self._ready.set()
            case Failed():
                self._failure = said.why
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

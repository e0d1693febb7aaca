"""Measuring WebSocket subscribers: N light clients in a process of their own; when did the last have an event?"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, Self

from tailguard.base.errors import UsageError
from tailguard.record.chaos import Outage


@dataclass(frozen=True, slots=True)
class Feed:
    """What to subscribe to and how to read it.

    `ready_type` is the frame that says a subscriber is in the room; `event_type` the broadcast to time; `key_path` the
    dotted path of the value by which a broadcast is recognised. `secret` is masked in every message.
    """

    url: str
    headers: Mapping[str, str]
    ready_type: str
    event_type: str
    key_path: str
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """One broadcast at its subscribers: `first_ns` and `ended_ns` are on the monotonic clock.

    `count` have it; `awaited` were in the room and have not got it.
    """

    count: int
    first_ns: int
    ended_ns: int
    awaited: int = 0


class BroadcastLostError(Exception):
    """Not every subscriber received the broadcast in time."""


class Ticket:
    """The wait for one broadcast; taken before the broadcast is triggered."""

    __slots__ = ("_arrived", "_receipt", "_subscribers", "key")

    def __init__(self, subscribers: "Subscribers", key: int | str) -> None:
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
        self._cpus = None if cpus is None else list(cpus)
        self._tickets: dict[int | str, Ticket] = {}
        self._ready, self._totalled = threading.Event(), threading.Event()
        self._failure: str | None = None
        self._totals: dict[str, int] = {}
        self._listed = threading.Event()
        self._unfinished: list[dict[str, Any]] = []
        self._follower: Callable[[Mapping[str, Any]], None] | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tailguard.websocket.subscriber_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        self._reader = threading.Thread(target=self._read, name="subscribers", daemon=True)
        self._reader.start()
        self._ask(
            {
                **asdict(self.feed),
                "subscribers": self.count,
                "cpus": self._cpus,
                "comes_back": self.come_back,
            }
        )
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

    def expect(self, key: int | str) -> Ticket:
        """Announce a broadcast, before it is triggered. One broadcast of a key may be on its way at a time."""
        ticket = self._tickets[key] = Ticket(self, key)
        return ticket

    @property
    def pid(self) -> int:
        """The process that the subscribers live in."""
        return self._process.pid

    def totals(self, timeout_s: float = 5.0) -> dict[str, int]:
        """Return counts over the whole life: events, duplicates, out_of_order, dropped (connections), missed (events,
        by each who was out of the room); and away, who is out of it now.
        """
        self._totalled.clear()
        self._ask({"totals": True})
        if not self._totalled.wait(timeout_s):
            raise BroadcastLostError("the subscribers' process no longer answers")
        return dict(self._totals)

    def follow(self, follower: Callable[[Mapping[str, Any]], None]) -> None:
        """Hand over the receipt of each event that all subscribers have, whoever triggered it.

        It has the event's `id`, a hash of its text and so the same at every crowd, `count`, `first_ns` and `last_ns`.
        """
        self._follower = follower

    def unfinished(self, timeout_s: float = 5.0) -> list[dict[str, Any]]:
        """Return the receipts, as in `follow`, of the events that some subscribers have and some have not."""
        self._listed.clear()
        self._ask({"unfinished": True})
        if not self._listed.wait(timeout_s):
            raise BroadcastLostError("the subscribers' process no longer answers")
        return list(self._unfinished)

    def flush(self, key: int | str) -> None:
        """Ask how far the broadcast of `key` came."""
        self._ask({"flush": key})

    def forget(self, key: int | str) -> None:
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

    def _ask(self, request: Mapping[str, Any]) -> None:
        with self._lock:
            assert self._process.stdin is not None
            try:
                self._process.stdin.write(json.dumps(request) + "\n")
                self._process.stdin.flush()
            except (BrokenPipeError, ValueError):
                self._failure = self._failure or "the subscribers' process has ended"

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._take(json.loads(line))
        self._failure = self._failure or "the subscribers' process has ended"

    def _take(self, said: dict[str, Any]) -> None:
        if "receipt" in said:
            ticket = self._tickets.get(said["receipt"])
            if ticket is not None:
                ticket.fulfil(Receipt(said["count"], said["first_ns"], said["last_ns"], said["awaited"]))
            if self._follower is not None and not said["awaited"]:
                self._follower(said)
        elif "outage" in said:
            self.outages.append(Outage(began_ns=said["began_ns"], ended_ns=said["ended_ns"]))
        elif "ready" in said:
            self._ready.set()
        elif "failed" in said:
            self._failure = said["failed"]
        elif "unfinished" in said:
            self._unfinished = said["unfinished"]
            self._listed.set()
        elif "totals" in said:
            self._totals = said["totals"]
            self._totalled.set()

    def _shown_url(self) -> str:
        return self.feed.url.replace(self.feed.secret, "***") if self.feed.secret else self.feed.url

"""The audience of a feed: its members, and the events that each has received; in the subscribers' process."""

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

from tailguard.record.part import Scalar
from tailguard.websocket.heard import Heard
from tailguard.websocket.messages import CameBack, Ready, Receipt, Said, Task, Totals, Unfinished

# Finished events whose late copies still count as duplicates; older ones are forgotten to bound memory.
REMEMBERED_EVENTS = 4096
# A subscriber who joined this shortly before an event was first seen may have come too late: it is not awaited.
JOINING_NS = 250_000_000


def at_path(frame: Any, path: str) -> Any:
    """Return the value at a dotted path of what was decoded from JSON, `items.0.id`; None if it is missing."""
    for name in path.split("."):
        if isinstance(frame, list) and name.isdecimal() and int(name) < len(frame):
            frame = frame[int(name)]
        else:
            frame = frame.get(name) if isinstance(frame, dict) else None
    return frame


class Event:
    """One broadcast on its way: who has it, since when, and for whom it is still awaited."""

    __slots__ = ("awaited", "first_ns", "id", "key", "last_ns", "number", "seen_by")

    def __init__(self, key: Any, payload: bytes, number: int, first_ns: int, awaited: set[int]) -> None:
        self.key, self.number, self.first_ns, self.last_ns = key, number, first_ns, first_ns
        self.id = int.from_bytes(hashlib.blake2b(payload, digest_size=8).digest(), "big", signed=True)
        self.awaited = awaited
        self.seen_by: set[int] = set()

    def receipt(self) -> Receipt:
        return Receipt(
            key=self.key,
            id=self.id,
            count=len(self.seen_by),
            awaited=len(self.awaited),
            first_ns=self.first_ns,
            ended_ns=self.last_ns,
        )


class Audience:
    """All subscribers and what they have received; events are told apart by their whole text.

    If they come back after a drop (`comes_back`), an event is awaited from those in the room alone, and missed by
    the others: the platform repeats nothing. If they do not, every event is awaited from everybody for ever.
    """

    def __init__(self, task: Task, say: Callable[[Said], None]) -> None:
        self.task, self.say = task, say
        self.size, self.comes_back = task.subscribers, task.come_back
        self.heard = Heard(task.feed.key_path, task.feed.secret)
        self.events: dict[bytes, Event] = {}
        self.last_number = [0] * self.size
        self._everybody = frozenset(range(self.size))
        self.joined_ns: dict[int, int] = {}
        self.left_ns: dict[int, int] = {}
        self.numbered = self.received = 0
        self.duplicates = self.out_of_order = self.dropped = 0
        self._missed = self._began_cpu_ns = 0
        self._complete = False

    def join(self, subscriber: int, now_ns: int) -> None:
        """Let a subscriber in, for the first time or again."""
        self.joined_ns[subscriber] = 0  # nothing is sent before all have come for the first time
        if subscriber in self.left_ns:
            self.joined_ns[subscriber] = now_ns
            self.say(CameBack(began_ns=self.left_ns.pop(subscriber), ended_ns=now_ns))
        elif not self._complete and len(self.joined_ns) == self.size:
            self._complete = True
            self._began_cpu_ns = time.process_time_ns()
            self.say(Ready())

    def leave(self, subscriber: int, now_ns: int) -> None:
        """Note a drop. Events on their way to a subscriber that reconnects count as missed."""
        if self.joined_ns.pop(subscriber, None) is None and self.comes_back:
            return  # a connection that broke before its welcome
        self.dropped += 1
        self.left_ns.setdefault(subscriber, now_ns)
        if self.comes_back:
            for event in self.events.values():
                self._settle(event, subscriber)

    def receive(self, subscriber: int, payload: bytes, now_ns: int) -> bool:
        """Note that a subscriber has an event that another has had; return False if nobody has."""
        event = self.events.get(payload)
        if event is None:
            return False
        if subscriber in event.seen_by:
            self.duplicates += 1
            return True
        if event.number < self.last_number[subscriber]:
            self.out_of_order += 1
        self.last_number[subscriber] = event.number
        event.seen_by.add(subscriber)
        self.received += 1
        event.last_ns = now_ns
        if event.awaited:
            self._settle(event, subscriber)
        elif len(event.seen_by) == 1:  # sent while nobody was in the room for certain
            self.say(event.receipt())
        return True

    def meet(self, subscriber: int, payload: bytes, now_ns: int) -> None:
        """Note a frame that nobody has had: an event, or whatever else the server says."""
        if self.first_sight(payload, now_ns) is not None:
            self.receive(subscriber, payload, now_ns)

    def first_sight(self, payload: bytes, now_ns: int) -> Event | None:
        frame = json.loads(payload)
        kind, key = frame.get("type"), at_path(frame, self.task.feed.key_path)
        if kind != self.task.feed.event_type:
            self.heard.frame(kind)
            return None
        self.heard.event(kind, key)
        self.numbered += 1
        event = self.events[payload] = Event(key, payload, self.numbered, now_ns, self._expected(now_ns))
        if len(self.events) > REMEMBERED_EVENTS:
            forgotten = self.events.pop(next(iter(self.events)))
            self._missed += self._missed_of(forgotten)
        return event

    def flush(self, key: Scalar) -> None:
        """Say how far the newest event of `key` came: the parent has waited long enough."""
        newest = [event for event in self.events.values() if event.key == key][-1:]
        nobody = Receipt(key=key, id=0, count=0, awaited=self.size, first_ns=0, ended_ns=0)
        self.say(newest[0].receipt() if newest else nobody)

    def unfinished(self) -> Unfinished:
        """Return the receipts of the events that somebody still has to get."""
        return Unfinished(tuple(event.receipt() for event in self.events.values() if event.awaited))

    def totals(self) -> Totals:
        return Totals(
            events=self.numbered,
            duplicates=self.duplicates,
            out_of_order=self.out_of_order,
            dropped=self.dropped,
            away=self.size - len(self.joined_ns),
            received=self.received,
            cpu_ns=time.process_time_ns() - self._began_cpu_ns,
            missed=self._missed + sum(map(self._missed_of, self.events.values())),
            heard=str(self.heard),
        )

    def _expected(self, now_ns: int) -> set[int]:
        if not self.comes_back:
            return set(self._everybody)
        return {number for number, joined_ns in self.joined_ns.items() if joined_ns <= now_ns - JOINING_NS}

    def _settle(self, event: Event, subscriber: int) -> None:
        """Stop waiting for a subscriber that has the event or is gone; report the event once all have it."""
        if subscriber in event.awaited:
            event.awaited.discard(subscriber)
            if not event.awaited:
                self.say(event.receipt())

    def _missed_of(self, event: Event) -> int:
        return self.size - len(event.seen_by | event.awaited)

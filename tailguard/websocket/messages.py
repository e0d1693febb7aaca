"""What we and the subscribers' process tell each other, a line of JSON each: structs, checked when they arrive."""

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from tailguard.record.part import Scalar


class Feed(msgspec.Struct, frozen=True):
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


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """The first line that the process is sent; `cpus` are its cores, None for any."""

    feed: Feed
    subscribers: int
    cpus: tuple[int, ...] | None
    come_back: bool


class Flush(msgspec.Struct, frozen=True, tag=True):
    """Tell how far the newest broadcast of `key` came."""

    key: Scalar


class AskTotals(msgspec.Struct, frozen=True, tag=True):
    """Tell the totals."""


class AskUnfinished(msgspec.Struct, frozen=True, tag=True):
    """Tell which events some subscribers have and some have not."""


Request: TypeAlias = Flush | AskTotals | AskUnfinished


class Receipt(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One broadcast at its subscribers: `first_ns` and `ended_ns` are on the monotonic clock.

    `count` have it; `awaited` were in the room and have not got it. `id` is a hash of the event's text, and so the same
    at every crowd.
    """

    key: Scalar
    id: int
    count: int
    awaited: int
    first_ns: int
    ended_ns: int


class Ready(msgspec.Struct, frozen=True, tag=True):
    """All subscribers are in the room."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """Somebody could not join."""

    why: str


class CameBack(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A dropped subscriber is in the room again."""

    began_ns: int
    ended_ns: int


class Totals(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Counts over the whole life of the subscribers.

    `dropped` counts connections, `missed` events by each subscriber who was out of the room; `away` are out of it now.
    `received` are the events that subscribers had, each by each, for `cpu_ns` of the processor since all were
    in the room. `heard` tells in words which frames came, and how connections were closed.
    """

    events: int
    duplicates: int
    out_of_order: int
    dropped: int
    away: int
    missed: int
    received: int
    cpu_ns: int
    heard: str = ""


class Unfinished(msgspec.Struct, frozen=True, tag=True):
    """The events that some subscribers have and some have not."""

    receipts: tuple[Receipt, ...]


class Held(msgspec.Struct, frozen=True, tag=True):
    """The process stood still for so long: what it received meanwhile was noted too late."""

    held_ns: int


Said: TypeAlias = Receipt | Ready | Failed | CameBack | Totals | Unfinished | Held

"""Broadcasts to the audience of a declared scenario: a step ends when the last subscriber has the event."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tailguard.base.errors import UsageError
from tailguard.engine.iteration.answers import Timed
from tailguard.http.declared.answer import Answer
from tailguard.http.declared.client import Client
from tailguard.http.declared.format import Audience
from tailguard.http.template import Values, fill_text
from tailguard.record.part import Json
from tailguard.record.scenario import Invariant
from tailguard.suite.invariants import expect
from tailguard.websocket.messages import Feed
from tailguard.websocket.subscribers import Subscribers


class KeyInUseError(Exception):
    """The broadcast of the same key is still on its way: give the scenario more rows."""


@dataclass(slots=True)
class Broadcasts:
    """Awaits broadcasts at the subscribers, one of a key at a time."""

    subscribers: Subscribers
    _on_their_way: set[object] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def awaited(self, call: Callable[[], Answer], key: Json, within_s: float) -> Timed[Answer]:
        """Make the call and return its answer, ended when the last subscriber had the event.

        Raises BroadcastLostError if one has not got it in time, KeyInUseError, or what the call raises.
        """
        if isinstance(key, dict | list):
            raise UsageError(f"broadcast {key!r}: an event is recognised by a number or a text")
        with self._lock:
            if key in self._on_their_way:
                raise KeyInUseError(
                    f"the broadcast of {key!r} is still on its way: give the scenario more rows"
                )
            self._on_their_way.add(key)
        try:
            ticket = self.subscribers.expect(key)
            try:
                answer = call()
            except BaseException:
                self.subscribers.forget(key)
                raise
            return Timed(answer, ended_ns=ticket.wait(within_s).ended_ns)
        finally:
            with self._lock:
                self._on_their_way.discard(key)


def feed_of(audience: Audience, client: Client, user: str, values: Values) -> Feed:
    """Return where the subscribers connect, as which user."""
    token = client.token(user)
    return Feed(
        client.socket_url(fill_text(audience.path, {**values, "token": token})),
        {"Origin": audience.origin or client.origin, **audience.headers},
        ready_type=audience.ready_type,
        event_type=audience.event_type,
        key_path=audience.key_path,
        secret=token,
    )


def reached_everybody(subscribers: Subscribers) -> Iterator[Invariant]:
    """Yield what must hold of a scenario's broadcasts: once to each subscriber, in order, and nobody dropped."""
    totals = subscribers.totals()
    yield expect("every broadcast reached every subscriber once", 0, totals.duplicates)
    yield expect("broadcasts arrived in order", 0, totals.out_of_order)
    yield expect("no subscriber was dropped", 0, totals.dropped)

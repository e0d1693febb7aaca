"""The mirror: repeats what the primary has answered to the candidate, and never the other way round.

Nothing here is awaited by a user. What does not fit is dropped and counted.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tailguard.shadow.book import Book
from tailguard.shadow.callers import Callers, Reply
from tailguard.shadow.proxy import Exchange

if TYPE_CHECKING:
    from tailguard.shadow.recording import Recording

# Requests that the candidate owes an answer, and what they and the primary's answers hold.
MOST_OWED = 512
_MOST_OWED_BYTES = 64 << 20
# Second answers that the primary owes: its users come first.
_MOST_TWICE = 8
# What a run keeps in memory.
MOST_COMPARED = 2_000_000


@dataclass(slots=True)
class Counts:
    """As `ShadowCounts` says them."""

    answered: int = 0
    dropped: int = 0
    dropped_writes: int = 0
    too_large: int = 0
    unanswered: int = 0
    unreadable: int = 0


class Mirror:
    """Repeats requests to the candidate, and a share of the reads to the primary."""

    def __init__(self, candidate: Callers, primary: Callers, book: Book) -> None:
        self.counts = Counts()
        self.book = book
        self.recording: Recording | None = None
        self._candidate, self._primary = candidate, primary
        self._owed_bytes = self.owed = self._twice = 0

    def line(self) -> "Line":
        """Return what hears of a new connection."""
        return Line(self)

    def take(self, exchange: Exchange, line: "Line") -> None:
        """Repeat a request, unless there is no room; record it, if that is asked for."""
        if self.recording is not None:
            self.recording.take(exchange)
        if not (exchange.request.whole and exchange.answer.whole):
            self.counts.too_large += 1
            return
        size = _size(exchange)
        if (
            self.owed >= MOST_OWED
            or self._owed_bytes + size > _MOST_OWED_BYTES
            or len(self.book) + self.owed >= MOST_COMPARED
        ):
            self.counts.dropped += 1
            self.counts.dropped_writes += not exchange.request.safe
            return
        self.owed += 1
        self._owed_bytes += size
        if self._twice < _MOST_TWICE and self.book.wants_twice(exchange):
            self._ask_twice(exchange)
        line.wait(exchange)

    def _ask_twice(self, exchange: Exchange) -> None:
        def done(reply: Reply) -> None:
            self._twice -= 1
            self.book.asked_twice(exchange, reply)

        self._twice += 1
        self._primary.ask(exchange.request, done)

    def ask(self, exchange: Exchange, line: "Line") -> None:
        """Ask the candidate now."""

        def done(reply: Reply) -> None:
            self.owed -= 1
            self._owed_bytes -= _size(exchange)
            self.book.compared(exchange, reply)
            line.done(exchange)

        self._candidate.ask(exchange.request, done)

    def close(self) -> None:
        self._candidate.close()
        self._primary.close()


class Line:
    """The requests of one connection, in their order where it matters.

    Reads go side by side. A write waits until all before it were answered, and what follows waits for it: so the
    candidate sees what its user's next request builds on.
    """

    def __init__(self, mirror: Mirror) -> None:
        self._mirror, self._loop = mirror, asyncio.get_running_loop()
        self._waiting: deque[Exchange] = deque()
        self._flying, self._writing = 0, False

    def exchanged(self, exchange: Exchange) -> None:
        """Hear of an answered request. It is repeated once the answer is on its way to the user."""
        self._mirror.counts.answered += 1
        self._loop.call_soon(self._mirror.take, exchange, self)

    def unanswered(self, requests: int) -> None:
        self._mirror.counts.unanswered += requests

    def unreadable(self) -> None:
        self._mirror.counts.unreadable += 1

    def wait(self, exchange: Exchange) -> None:
        """Repeat it as soon as its turn has come."""
        self._waiting.append(exchange)
        self._advance()

    def done(self, exchange: Exchange) -> None:
        """Hear that one was answered, or never will be."""
        self._flying -= 1
        self._writing = self._writing and exchange.request.safe
        self._advance()

    def _advance(self) -> None:
        while self._waiting and not self._writing and (self._waiting[0].request.safe or not self._flying):
            exchange = self._waiting.popleft()
            self._flying += 1
            self._writing = not exchange.request.safe
            self._mirror.ask(exchange, self)


def _size(exchange: Exchange) -> int:
    return len(exchange.request.body) + len(exchange.answer.body)

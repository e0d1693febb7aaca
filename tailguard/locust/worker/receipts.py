"""When a worker's spectators had each event from any sender. The master joins them (master/inbox/broadcasts.py)."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from tailguard.base.clock import Clock
from tailguard.locust.messages import WatchedLedger
from tailguard.websocket.messages import Receipt, Totals

# id: a hash of the event's text; count: spectators that had it; then the instants of the first and the last of them.
RECEIPT = np.dtype([("id", np.int64), ("count", np.int32), ("first_ns", np.int64), ("last_ns", np.int64)])
# After the last broadcast its copies for other workers may still be on their way: so much longer than they take that
# what is missing then is late by any standard; and how long an event is waited for that only some have.
QUIET_NS, LATE_NS = 1_000_000_000, 10_000_000_000
_POLL_NS = 250_000_000


class Audience(Protocol):
    """A worker's spectators, as tailguard.websocket.subscribers.Subscribers are."""

    count: int

    def follow(self, follower: Callable[[Receipt], None]) -> None:
        """Hand over each event's receipt."""

    def unfinished(self) -> Sequence[Receipt]:
        """Return the receipts of events that only some have."""
        ...

    def totals(self) -> Totals:
        """Return the counts so far."""
        ...


class ReceiptLog:
    """A worker's side: the receipts of its spectators since now."""

    def __init__(self, audience: Audience, clock: Clock) -> None:
        self._audience, self._clock = audience, clock
        self._since_ns = clock.now_ns()
        self._rows: list[tuple[int, int, int, int]] = []
        self._duplicates = 0
        audience.follow(self._take)

    def drain(self) -> bytes:
        """Return all receipts since the last time and forget them."""
        rows, self._rows = self._rows, []
        return np.array(rows, RECEIPT).tobytes()

    def close(self) -> None:
        """Wait for what is on its way, then keep what came to some only. Nobody plays any more.

        Raises BroadcastLostError if the spectators' process has ended.
        """
        closed_ns = self._clock.now_ns()
        self._clock.sleep_until_ns(closed_ns + QUIET_NS)
        while self._expected() and self._clock.now_ns() < closed_ns + LATE_NS:
            self._clock.sleep_until_ns(self._clock.now_ns() + _POLL_NS)
        for receipt in self._audience.unfinished():
            self._take(receipt)
        self._duplicates = self._audience.totals().duplicates

    def ledger(self, rows: int) -> WatchedLedger:
        """Return what the master must know beside the `rows` receipts that were sent."""
        return WatchedLedger(
            rows=rows,
            spectators=self._audience.count,
            since_ns=self._since_ns,
            duplicates=self._duplicates,
        )

    def _expected(self) -> bool:
        young_ns = self._clock.now_ns() - LATE_NS
        return any(receipt.first_ns > young_ns for receipt in self._audience.unfinished())

    def _take(self, receipt: Receipt) -> None:
        self._rows.append((receipt.id, receipt.count, receipt.first_ns, receipt.ended_ns))

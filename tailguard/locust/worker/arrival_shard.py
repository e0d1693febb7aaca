"""A worker's share of the arrivals: which iterations are its own, and when each is due. Pure but for the clock.

Closed: clients begin again when they are free, and each shard counts in blocks of iterations that no other shard has.
Open: shard i of n has the starts i, i + n, i + 2n ... of one seeded schedule that all workers compute alike.
"""

from bisect import bisect_right
from itertools import count
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tailguard.base.clock import Clock
from tailguard.engine.arrivals import Arrivals, Start
from tailguard.suite.run import Shard

# Iterations that follow each other make the scenario's mix (every tenth to a hot row ...), so a shard takes them
# in runs. Shorter than this, the mix of a shard is coarse; longer, late iterations spread further over the data.
BLOCK = 200


class ArrivalShard(Arrivals, Protocol):
    """Arrivals that know how many there were."""

    @property
    def offered(self) -> int:
        """How many iterations were due so far."""
        ...


class ClosedShard:
    """Iterations without intended starts: each is due when somebody is free for it."""

    def __init__(self, shard: Shard, clock: Clock, first: int = 0) -> None:
        """Number the iterations from `first`."""
        self._shard, self._clock, self._first = shard, clock, first
        self._closed = False
        self.offered = 0

    def claim(self) -> Start | None:
        """Return the next iteration, due now."""
        if self._closed:
            return None
        self.offered += 1
        number = self._first + block_iteration(self.offered - 1, self._shard)
        now_ns = self._clock.now_ns()
        return Start(number, now_ns, -1, now_ns)

    def close(self) -> None:
        """Hand out nothing more."""
        self._closed = True

    def unserved_ns(self) -> list[int]:
        """Nothing is due without a client."""
        return []


class OpenShard:
    """A shard's starts of a schedule, put to the present."""

    def __init__(self, starts_ns: NDArray[np.int64], shard: Shard, clock: Clock, first: int = 0) -> None:
        """Number the iterations of the whole schedule from `first`."""
        self._starts_ns = starts_ns[shard.index :: shard.count].tolist()
        self._shard, self._clock, self._first = shard, clock, first
        self._numbers = count()
        self._base_ns = 0
        self._closed_ns: int | None = None
        self._waiting: set[int] = set()

    def begin(self, base_ns: int) -> None:
        """Put the schedule's beginning at `base_ns`."""
        self._base_ns = base_ns

    @property
    def offered(self) -> int:
        """How many starts were due so far."""
        until_ns = self._clock.now_ns() if self._closed_ns is None else self._closed_ns
        return bisect_right(self._starts_ns, until_ns - self._base_ns)

    def claim(self) -> Start | None:
        """Wait for the next start that nobody has taken."""
        if self._closed_ns is not None:
            return None
        number = next(self._numbers)
        if number >= len(self._starts_ns):
            return None
        due_ns, claimed_ns = self._base_ns + self._starts_ns[number], self._clock.now_ns()
        if due_ns > claimed_ns:
            self._waiting.add(number)
            self._clock.sleep_until_ns(due_ns)
            if self._closed_ns is not None:
                return None
            self._waiting.discard(number)
        now_ns = self._clock.now_ns()
        late_ns = now_ns - due_ns if due_ns > claimed_ns else -1
        return Start(self._first + self._shard.index + number * self._shard.count, due_ns, late_ns, now_ns)

    def close(self) -> None:
        """Hand out nothing more."""
        self._closed_ns = self._clock.now_ns()

    def unserved_ns(self) -> list[int]:
        """Return when starts were due, before the shard was closed, that nobody began."""
        if self._closed_ns is None:
            return []
        rest = range(next(self._numbers), len(self._starts_ns))
        due_ns = (self._base_ns + self._starts_ns[number] for number in (*sorted(self._waiting), *rest))
        return [due for due in due_ns if due <= self._closed_ns]


def block_iteration(number: int, shard: Shard) -> int:
    """Return the iteration that is the shard's own `number`: blocks of BLOCK iterations are dealt out in order."""
    block, within = divmod(number, BLOCK)
    return (block * shard.count + shard.index) * BLOCK + within

"""Memory along a long work: does it grow with what is done?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psutil

import tailguard as tg

# A backfill of so many tells whether its memory grows. Threads and pools take their share during the first thousand: of
# 2,000 it grew by 89 MB after the first tenth, of 10,000 by 5 MB, whose bodies are 20 times the growth allowed.
LONG, MOST_GROWTH_MB = 10_000, 32.0
# Pools, caches and threads have grown by then to what they stay at; the rest of the work must need no more.
_WARM_SHARE = 0.1


def resident_bytes() -> int:
    """Return what this process has in memory."""
    return int(psutil.Process().memory_info().rss)


@dataclass(slots=True)
class MemoryCourse:
    """What a work of `total` pieces held: `warm_bytes` after its first tenth, `most_bytes` at any time after that.

    A greater work begins anew, so that the greatest one is told of.
    """

    read_bytes: Callable[[], int] = resident_bytes
    total: int = 0
    warm_bytes: int = 0
    most_bytes: int = 0

    def note(self, done: int, total: int) -> None:
        """Look, when `done` of `total` pieces are done."""
        if total > self.total:
            self.total, self.warm_bytes, self.most_bytes = total, 0, 0
        if total < self.total or done < _WARM_SHARE * total:
            return
        held_bytes = self.read_bytes()
        self.warm_bytes = self.warm_bytes or held_bytes
        self.most_bytes = max(self.most_bytes, held_bytes)

    @property
    def growth_bytes(self) -> int:
        """How much more than after the first tenth was held at most."""
        return self.most_bytes - self.warm_bytes


def memory_constant(memory: MemoryCourse) -> Iterator[tg.Invariant]:
    """A backfill holds a batch, not what it has copied; a short one cannot be judged."""
    if memory.total < LONG:
        return
    grown_mb, warm_mb = memory.growth_bytes / 1e6, memory.warm_bytes / 1e6
    yield tg.Invariant(
        name="the backfill's memory stayed constant",
        held=grown_mb <= MOST_GROWTH_MB,
        expected=f"at most {MOST_GROWTH_MB:g} MB more than after its first tenth",
        observed=f"{grown_mb:.1f} MB more than {warm_mb:.1f} MB, over {memory.total} certificates",
    )

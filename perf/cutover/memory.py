"""Memory along a long work: does it grow with what is done?"""

from collections.abc import Callable
from dataclasses import dataclass

import psutil

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

"""What a canary and the rest did at the same time: windows of time, each long enough for a quantile of both."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailguard.compare.pairs import FEWEST

# More windows than this gain little, and shorter ones are less independent of each other.
MOST_WINDOWS = 40
_FEWEST_WINDOWS = 12  # of few samples: below that hardly anything can be decided
_ENOUGH = 50  # samples of a window, once there are enough windows: a p95 of 20 is nearly their maximum


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """What one group of workers did: columns of equal length, in order of time.

    Attributes:
        at_s: float64, when each work ended, on one clock of both groups.
        ms: float64, how long it took.
        failed: bool, whether it failed, or left out what it should have done.
    """

    at_s: NDArray[np.float64]
    ms: NDArray[np.float64]
    failed: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return how much was done."""
        return len(self.at_s)

    def part(self, rows: slice) -> "Group":
        return Group(self.at_s[rows], self.ms[rows], self.failed[rows])


@dataclass(frozen=True, slots=True)
class Period:
    """A time in which both groups worked."""

    canary: Group
    rest: Group

    def windows(self, count: int) -> Iterator["Period"]:
        """Cut it into windows in which the canary did equally much."""
        firsts = np.linspace(0, len(self.canary), count + 1).astype(int)
        edges = [0, *np.searchsorted(self.rest.at_s, self.canary.at_s[firsts[1:-1]]), len(self.rest)]
        for number in range(count):
            yield Period(
                self.canary.part(slice(firsts[number], firsts[number + 1])),
                self.rest.part(slice(edges[number], edges[number + 1])),
            )

    @property
    def is_enough(self) -> bool:
        """Whether both groups did enough for a quantile."""
        return min(len(self.canary), len(self.rest)) >= FEWEST


def window_count(samples: int) -> int:
    """Return into how many windows a time is cut of which the smallest group has so many samples."""
    return min(MOST_WINDOWS, max(_FEWEST_WINDOWS, samples // _ENOUGH), samples // FEWEST)

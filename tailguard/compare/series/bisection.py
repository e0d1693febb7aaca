"""Which of many commits made it slower: a noisy bisection. Pure: log-ratios of pairs in, a posterior out.

Horstein, "Sequential transmission using noiseless feedback", 1963, and Waeber, Frazier and Henderson, "Bisection search
with noisy responses", 2013: observe where the posterior is halved. Here an observation is the log-ratio of a pair, so
that the size of the change and the noise are learnt along the way.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

# Slowdowns and spreads of a pair that are thought of, all as likely as each other, in logarithms.
CHANGES = np.log1p(np.geomspace(0.01, 3.0, 40))
SPREADS = np.geomspace(0.002, 0.6, 30)
FREEDOM = 5  # of Student's distribution: now and then a pair is far off
NO_CHANGE = 0.05  # how likely none of the commits is slower, before anything is measured
SURE = 0.98
FIRST_PAIRS = 4  # of the last commit: is there a slowdown at all?


@dataclass(slots=True)
class Bisection:
    """Commits 0 to `commits` - 1, in order; the first slow one is looked for.

    `seen` holds the log-ratios of each commit against the good one; `skipped` those that cannot be measured.
    """

    commits: int
    seen: dict[int, list[float]] = field(default_factory=dict)
    skipped: set[int] = field(default_factory=set)

    def observe(self, commit: int, log_ratio: float) -> None:
        self.seen.setdefault(commit, []).append(log_ratio)

    @property
    def pairs(self) -> int:
        return sum(map(len, self.seen.values()))

    def posterior(self) -> NDArray[np.float64]:
        """Return how likely each commit is the first slow one; the last entry: how likely none is."""
        weights = self._log_weights()
        likely = np.exp(weights - weights.max()).sum(axis=(1, 2))
        return np.asarray(likely / likely.sum())

    def change(self) -> tuple[float, float, float]:
        """Return how much slower: the ratio that is as likely too low as too high, and 99 % around it."""
        weights = self._log_weights()[:-1]
        likely = np.exp(weights - weights.max()).sum(axis=(0, 2)).cumsum()
        middle, low, high = np.searchsorted(likely / likely[-1], (0.5, 0.005, 0.995)).clip(
            max=len(CHANGES) - 1
        )
        return float(np.exp(CHANGES[middle])), float(np.exp(CHANGES[low])), float(np.exp(CHANGES[high]))

    def next_commit(self) -> int | None:
        """Return the commit to measure next; None if it is decided, or none can be measured."""
        can = [each for each in range(self.commits) if each not in self.skipped]
        if not can:
            return None
        if len(self.seen.get(can[-1], [])) < FIRST_PAIRS:
            return can[-1]
        if self.found() is not None:
            return None
        slow = np.cumsum(self.posterior())
        return min(can, key=lambda each: abs(slow[each] - 0.5))

    def found(self) -> range | None:
        """Return the commits of which one is the first slow one, surely: more than one only if some are skipped.

        An empty range says that none is slower; None that it is not decided.
        """
        likely = self.posterior()
        if likely[-1] >= SURE:
            return range(0)
        first = 0
        for last in (each for each in range(self.commits) if each not in self.skipped):
            if likely[first : last + 1].sum() >= SURE:
                return range(first, last + 1)
            first = last + 1
        return None

    def _log_weights(self) -> NDArray[np.float64]:
        """Return the logarithm of each hypothesis: first slow commit or none, change, spread."""
        still = np.zeros((self.commits, 1, len(SPREADS)))
        moved = np.zeros((self.commits, len(CHANGES), len(SPREADS)))
        for commit, ratios in self.seen.items():
            values = np.array(ratios)[:, None, None]
            still[commit] = _log_density(values / SPREADS).sum(axis=0)
            moved[commit] = _log_density((values - CHANGES[:, None]) / SPREADS).sum(axis=0)
        before = np.concatenate([np.zeros_like(still[:1]), still.cumsum(axis=0)])
        after = np.concatenate([moved[::-1].cumsum(axis=0)[::-1], np.zeros_like(moved[:1])])
        prior = np.log(np.append(np.full(self.commits, (1 - NO_CHANGE) / self.commits), NO_CHANGE))
        return np.asarray(before + after + prior[:, None, None])


def _log_density(scaled: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Student's log-density of pairs on the grid of spreads, up to a constant."""
    return np.asarray(-np.log(SPREADS) - (FREEDOM + 1) / 2 * np.log1p(scaled**2 / FREEDOM))

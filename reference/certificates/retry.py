"""Trying again: bounded in tries and in time, with exponential backoff and full jitter, so that clients spread out."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")

# Tries in all of one call. The platform's own budget for retried uploads is 2 %, so that a second retry is rare.
TRIES = 3


@dataclass(frozen=True, slots=True)
class Retry:
    """Tries a call up to `tries` times, and begins none later than `budget_s` after the first.

    Before try n + 1 it waits a random time of at most first_s * 2**(n - 1), but no more than `most_s`: "full jitter",
    which of the usual kinds makes colliding clients the least work.
    """

    tries: int = TRIES
    first_s: float = 0.05
    most_s: float = 1.0
    budget_s: float = 5.0
    sleep: Callable[[float], None] = time.sleep
    now_s: Callable[[], float] = time.monotonic
    chance: random.Random = field(default_factory=random.Random)

    def run(self, call: Callable[[], T], passing: Callable[[Exception], bool]) -> tuple[T, int]:
        """Return the call's value and how often it was retried.

        `passing` says of a failure whether it may pass by itself. The last failure is raised; its attribute `retries`
        says how often the call was tried again.
        """
        ends_s = self.now_s() + self.budget_s
        for retries in range(self.tries):
            try:
                return call(), retries
            except Exception as failure:
                pause_s = self.chance.uniform(0, min(self.first_s * 2**retries, self.most_s))
                last = retries + 1 == self.tries or self.now_s() + pause_s > ends_s
                if last or not passing(failure):
                    failure.retries = retries  # type: ignore[attr-defined]  # carried to who counts them
                    raise
            self.sleep(pause_s)
        raise ValueError(f"tries is {self.tries}; at least one is needed")

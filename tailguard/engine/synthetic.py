"""A synthetic platform with a known quantile: a timer is all it does. What the judge is calibrated on."""

import random
import time

from tailguard.engine.workload import PlainScenario

NAME, STEP = "synthetic", "work"

# A share of the calls takes SLOW, all others FAST; the limit lies in their middle, so that a timer's own lateness of
# a few tenths of a millisecond moves no call across it.
FAST_MS, SLOW_MS = 0.3, 3.3
LIMIT_MS = (FAST_MS + SLOW_MS) / 2


class TimerPlatform:
    """Waits for a fast or a slow time; `slow_share` of the calls are slow, drawn with `seed`."""

    def __init__(self, slow_share: float, seed: int) -> None:
        self._slow_share = slow_share
        self._seed = seed

    def work(self, number: int) -> None:
        """Wait for the time that is drawn for this iteration."""
        wait_ms = SLOW_MS if self.is_slow(number) else FAST_MS
        time.sleep(wait_ms / 1e3)

    def is_slow(self, number: int) -> bool:
        """Say whether an iteration is drawn slow: the same answer in every thread and at any time."""
        return random.Random(self._seed << 32 ^ number).random() < self._slow_share  # noqa: S311  # no secret

    def scenario(self) -> PlainScenario:
        """Return the scenario of one call per iteration."""
        return PlainScenario(NAME, lambda it: it.step(STEP, self.work, it.number), (STEP,))

"""A synthetic platform with a known quantile: a timer is all it does. What the judge is calibrated on."""

import random
import time
from collections.abc import Mapping
from typing import Any

from tailguard.engine.iteration import Session
from tailguard.engine.scenario import Scenario
from tailguard.record.samples import Samples
from tailguard.record.scenario import Invariant

SLUG, STEP = "synthetic", "work"

# A share of the calls takes SLOW, all others FAST; the limit lies in their middle, so that a timer's own lateness of
# a few tenths of a millisecond moves no call across it.
FAST_MS, SLOW_MS = 0.3, 3.3
LIMIT_MS = (FAST_MS + SLOW_MS) / 2


class TimerPlatform:
    """Waits for a fast or a slow time; `slow_share` of the calls are slow, drawn with `seed`."""

    def __init__(self, slow_share: float, seed: int) -> None:
        self._slow_share = slow_share
        self._seed = seed

    def work(self, turn: int) -> None:
        """Wait for the time that is drawn for this turn."""
        wait_ms = SLOW_MS if self.is_slow(turn) else FAST_MS
        time.sleep(wait_ms / 1e3)

    def is_slow(self, turn: int) -> bool:
        """Say whether a turn is drawn slow: the same answer in every thread and at any time."""
        return random.Random(self._seed << 32 ^ turn).random() < self._slow_share  # noqa: S311  # no secret


def _journey(session: Session, platform: TimerPlatform, _: Any) -> None:
    session.step(STEP, platform.work, session.turn)


def _prepare(world: Any, settings: Mapping[str, Any]) -> None:
    """Nothing to prepare."""


def _invariants(world: Any, data: Any, samples: Samples) -> list[Invariant]:
    return []


SCENARIO = Scenario(
    SLUG, "A timer with a known quantile", (STEP,), frozenset(), _journey, _prepare, _invariants
)

"""A platform that stops for 1 s in every 10, and what its answers take: the ground truth of coordinated_omission.py."""

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tailguard.base.clock import MonotonicClock

PERIOD_S, STALL_FROM_S, STALL_S = 10.0, 4.5, 1.0
SERVICE_MS, RATE_PER_S = 1.0, 200.0
QUANTILES = (0.5, 0.95, 0.99)


class StallingPlatform:
    """Answers any number of calls at once after SERVICE_MS, precisely; in a stall, once that is over."""

    def __init__(self) -> None:
        self._clock = MonotonicClock()
        self._started_ns = self._clock.now_ns()

    def answer(self) -> None:
        left_s = float(stall_left_s((self._clock.now_ns() - self._started_ns) / 1e9))
        if left_s:
            time.sleep(left_s)
        self._clock.sleep_until_ns(self._clock.now_ns() + int(SERVICE_MS * 1e6))


def stall_left_s(at_s: ArrayLike) -> NDArray[np.float64]:
    """Rest of the stall into which an arrival falls, `at_s` seconds after the platform's start; 0 outside of stalls."""
    phase_s = np.asarray(at_s) % PERIOD_S - STALL_FROM_S
    return np.where((phase_s >= 0) & (phase_s < STALL_S), STALL_S - phase_s, 0.0)


def exact_times_ms(starts_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """What arrivals at these offsets take: the rest of the stall, and the service."""
    return SERVICE_MS + 1000 * stall_left_s(starts_ns / 1e9)


def quantiles(times_ms: ArrayLike) -> Sequence[float]:
    """p50, p95 and p99, as values that occurred."""
    return [float(each) for each in np.quantile(times_ms, QUANTILES, method="inverted_cdf")]

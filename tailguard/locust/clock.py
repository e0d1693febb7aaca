"""Clocks of several machines: each has a monotonic one of its own, which a pair of readings ties to the wall's."""

import sys
import time
from pathlib import Path
from typing import Annotated, Self

import msgspec

from tailguard.base.clock import MonotonicClock

# The same on every process that shares a monotonic clock: Linux draws it anew at each boot.
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_LOOP_POLL_NS = 1_200_000  # epoll counts in ms and rounds up


# Of the wall's clock and of any monotonic one, with room for sums.
Instant = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]


class ClockPair(msgspec.Struct, frozen=True):
    """Wall and monotonic clock read together; `boot` names the machine's uptime that the second belongs to."""

    wall_ns: Instant
    monotonic_ns: Instant
    boot: str

    @classmethod
    def now(cls) -> Self:
        """Read both clocks."""
        return cls(time.time_ns(), time.monotonic_ns(), _boot())

    def shift_ns(self, other: "ClockPair") -> int:
        """Return the offset that turns an instant of `other`'s monotonic clock into one of this machine's.

        0 on one machine, which needs no wall clock; else as exact as the two wall clocks agree. Differences of instants
        of one machine, and so latencies, are never touched by it.
        """
        if self.boot and self.boot == other.boot:
            return 0
        return (other.wall_ns - other.monotonic_ns) - (self.wall_ns - self.monotonic_ns)


def _boot() -> str:
    if _BOOT_ID.exists():
        return _BOOT_ID.read_text("ascii").strip()
    if sys.platform == "darwin":
        import psutil  # noqa: PLC0415  # only if the kernel has no id of its own

        return f"{sys.platform}-{psutil.boot_time():.0f}"
    return ""


class LoopClock(MonotonicClock):
    """The monotonic clock for greenlets: the loop wakes them on whole milliseconds, so the last one is polled.

    Measured with 12 sleepers, 150 starts per second: 2 us late at the median, against 490 us if only the last 0.2 ms
    are polled as in a thread; it costs 7 % of a core.
    """

    poll_ns = _LOOP_POLL_NS

"""Time as a dependency: the monotonic clock, shared by all processes of one machine."""

import time
from threading import Event
from typing import Protocol

# A sleeping thread wakes about 0.1 ms late; polling the last stretch is what makes a start precise.
# Larger costs CPU that the platform under test needs, smaller brings the lateness back.
POLL_NS = 200_000


class Clock(Protocol):
    """A source of nanoseconds that never goes back."""

    def now_ns(self) -> int:
        """Return the present instant in ns."""
        ...

    def sleep_until_ns(self, due_ns: int, wake: Event | None = None) -> None:
        """Return at `due_ns`, at once where that has passed, or early where `wake` is set."""
        ...


class MonotonicClock:
    """The machine's monotonic clock."""

    now_ns = staticmethod(time.monotonic_ns)

    def sleep_until_ns(self, due_ns: int, wake: Event | None = None) -> None:
        """Sleep to just before `due_ns`, then poll, giving way to other threads."""
        while (left_ns := due_ns - time.monotonic_ns()) > POLL_NS:
            left_s = (left_ns - POLL_NS) / 1e9
            if wake is None:
                time.sleep(left_s)
            elif wake.wait(left_s):
                return
        while time.monotonic_ns() < due_ns:
            time.sleep(0)

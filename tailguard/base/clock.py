"""Time as a dependency: the monotonic clock, shared by all processes of one machine."""

import ctypes
import sys
import time
from threading import Event
from typing import ClassVar, Protocol

# Linux lets a thread's timers fire up to 50 us late to batch wake-ups. Asking for 1 ns took the median lateness of a
# start from 51 to 12 us, and makes the polling below a row of short naps that leave the core to the platform.
_PR_SET_TIMERSLACK, _SLACK_NS = 29, 1

# A sleeping thread wakes about 0.1 ms late; polling the last stretch is what makes a start precise.
# Larger costs CPU that the platform under test needs, smaller brings the lateness back.
POLL_NS = 200_000


class Clock(Protocol):
    """A source of nanoseconds that never goes back."""

    def now_ns(self) -> int:
        """Return the present instant in ns."""
        ...

    def sleep_until_ns(self, due_ns: int, wake: Event | None = None) -> None:
        """Return at `due_ns`, at once if that has passed, or early if `wake` is set."""
        ...


def sharpen_timers() -> None:
    """Let the timers of this thread, and of threads it will start, fire on time; elsewhere than on Linux they do."""
    if sys.platform == "linux":
        # A kernel that refuses leaves us as precise as before: the lateness is measured anyway.
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(_SLACK_NS), 0, 0, 0)


class MonotonicClock:
    """The machine's monotonic clock."""

    poll_ns: ClassVar[int] = POLL_NS
    now_ns = staticmethod(time.monotonic_ns)

    def sleep_until_ns(self, due_ns: int, wake: Event | None = None) -> None:
        """Sleep to just before `due_ns`, then poll, giving way to other threads."""
        while (left_ns := due_ns - time.monotonic_ns()) > self.poll_ns:
            left_s = (left_ns - self.poll_ns) / 1e9
            if wake is None:
                time.sleep(left_s)
            elif wake.wait(left_s):
                return
        while time.monotonic_ns() < due_ns:
            time.sleep(0)

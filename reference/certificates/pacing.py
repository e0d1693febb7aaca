"""A rate limit shared by threads: each takes the next free instant and waits for it."""

import time
from collections.abc import Callable
from threading import Event, Lock


class Pacing:
    """At most `rate_per_s` permits a second, evenly spaced; 0 means unlimited."""

    def __init__(self, rate_per_s: float, now_s: Callable[[], float] = time.monotonic) -> None:
        if rate_per_s < 0:
            raise ValueError(f"a rate of {rate_per_s} a second; give 0 (no limit) or more")
        self._gap_s = 1 / rate_per_s if rate_per_s else 0.0
        self._now_s, self._lock, self._next_s = now_s, Lock(), 0.0

    def wait(self, stop: Event) -> None:
        """Wait for the next permit, or until `stop` is set."""
        if not self._gap_s:
            return
        with self._lock:
            now_s = self._now_s()
            due_s = max(self._next_s, now_s)
            self._next_s = due_s + self._gap_s
        stop.wait(due_s - now_s)

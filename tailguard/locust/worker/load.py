"""What a worker itself was up to while it measured: its share of a core, how late its loop woke it, its machine.

A worker's process is one loop on one core. Once that core is full, every answer waits in our own queue before it is
read, and a time is measured that no platform took.
"""

import time
from array import array
from threading import Event, Thread

import numpy as np

from tailguard.engine.telemetry import Telemetry
from tailguard.record.locust import CoreUse, WakeLateness, WorkerLoad

# A wake-up costs some 10 us; at this period lateness has a p99 after ten seconds, for a ten-thousandth of a core.
PERIOD_S = 0.1
# From here on a core is full, as locust's own warning has it.
FULL_SHARE = 0.9
_SECOND_NS = 1_000_000_000


class LoadWatch:
    """Watches this process from `start` to `stop`; a thread, and so under gevent a greenlet like the users'."""

    def __init__(self) -> None:
        self._telemetry = Telemetry()
        self._late_ns = array("q")
        self._shares = array("d")
        self._mean = 0.0
        self._stop = Event()
        self._thread = Thread(target=self._watch, name="tailguard-load", daemon=True)
        self._running = False

    def start(self) -> None:
        """Begin to watch."""
        self._running = True
        self._telemetry.__enter__()
        self._thread.start()

    def stop(self) -> None:
        """Watch no more. A second call does nothing."""
        if self._running:
            self._running = False
            self._stop.set()
            self._thread.join()
            self._telemetry.__exit__(None, None, None)

    def told(self) -> WorkerLoad | None:
        """Return what was seen, None if nothing was watched. A core is full from `FULL_SHARE` of a second on."""
        if not self._late_ns or not self._shares:
            return None
        p50, p99 = np.percentile(self._late_ns, [50, 99], method="inverted_cdf") / 1e6
        full = sum(share >= FULL_SHARE for share in self._shares)
        return WorkerLoad(
            late_ms=WakeLateness(p50=float(p50), p99=float(p99), max=max(self._late_ns) / 1e6),
            core=CoreUse(mean=self._mean, full=full / len(self._shares)),
            reading=self._telemetry.reading(),
        )

    def _watch(self) -> None:
        first_ns, first_used_ns = began_ns, used_ns = time.monotonic_ns(), time.process_time_ns()
        ended = False
        while not ended:
            due_ns = time.monotonic_ns() + int(PERIOD_S * 1e9)
            ended = self._stop.wait(PERIOD_S)
            now_ns = time.monotonic_ns()
            if not ended:
                self._late_ns.append(max(now_ns - due_ns, 0))
            if now_ns - began_ns >= _SECOND_NS:
                now_used_ns = time.process_time_ns()
                self._shares.append((now_used_ns - used_ns) / (now_ns - began_ns))
                began_ns, used_ns = now_ns, now_used_ns
        self._mean = (time.process_time_ns() - first_used_ns) / (time.monotonic_ns() - first_ns)

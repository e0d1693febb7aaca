"""Telemetry: what the machine did to the generator while it measured. A thread that looks a few times a second."""

import contextlib
import gc
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any, Self

import psutil

from tailguard.record.environment import MachineReading

# One look costs under 1 ms; at this period it is under 0.5 % of a core.
PERIOD_S = 0.25


@dataclass(slots=True)
class _Seen:
    """The extremes so far."""

    lag_ns: int = 0
    clock_jump_ns: int = 0
    gc_ns: int = 0
    gc_longest_ns: int = 0
    run_ns: int = 0
    wait_ns: int = 0
    threads: dict[str, tuple[int, int]] = field(default_factory=dict)


class Telemetry:
    """Watches the machine from the beginning to the end of the `with` block; `reading()` tells, then or on the way."""

    def __init__(self, cores: tuple[int, ...] | None = None) -> None:
        self._cores = cores
        self._stop = Event()
        self._thread = Thread(target=self._watch, name="telemetry", daemon=True)
        self._seen = _Seen()
        self._gc_began_ns = 0

    def __enter__(self) -> Self:
        self._began_ns = self._ended_ns = time.monotonic_ns()
        self._cpu_before = self._cpu_s()
        _count_threads(self._seen, counting=False)
        gc.callbacks.append(self._time_collection)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        gc.callbacks.remove(self._time_collection)

    def reading(self) -> MachineReading:
        """What was seen up to the last look."""
        seen = self._seen
        watched_s = max(self._ended_ns - self._began_ns, 1) / 1e9
        # The kernel may count a core's wait for I/O backwards.
        idle, busy, steal = (
            max(after - before, 0.0) for after, before in zip(self._cpu_s(), self._cpu_before, strict=True)
        )
        total = idle + busy
        queued = seen.run_ns + seen.wait_ns
        return MachineReading(
            watched_s=watched_s,
            busy=busy / total if total else 0.0,
            foreign=max(busy - seen.run_ns / 1e9, 0.0) / total if queued and total else None,
            steal=steal / total if total else 0.0,
            waiting=seen.wait_ns / queued if queued else None,
            gc_longest_ms=seen.gc_longest_ns / 1e6,
            gc_share=seen.gc_ns / 1e9 / watched_s,
            lag_ms=seen.lag_ns / 1e6,
            clock_jump_ms=seen.clock_jump_ns / 1e6,
        )

    def _watch(self) -> None:
        offset_ns = time.time_ns() - time.monotonic_ns()
        ended = False
        while not ended:
            due_ns = time.monotonic_ns() + int(PERIOD_S * 1e9)
            ended = self._stop.wait(PERIOD_S)
            self._ended_ns = time.monotonic_ns()
            seen = self._seen
            seen.lag_ns = max(seen.lag_ns, self._ended_ns - due_ns)
            before_ns, offset_ns = offset_ns, time.time_ns() - time.monotonic_ns()
            seen.clock_jump_ns = max(seen.clock_jump_ns, abs(offset_ns - before_ns))
            _count_threads(seen, counting=True)

    def _cpu_s(self) -> tuple[float, float, float]:
        """Seconds of our cores since boot: idle, busy, stolen (which is busy, too).

        Each is a sum of its own: the difference of two large sums can come out below zero.
        """
        cores = psutil.cpu_times(percpu=True)
        chosen = cores if self._cores is None else [cores[core] for core in self._cores if core < len(cores)]
        idle = sum(core.idle + getattr(core, "iowait", 0.0) for core in chosen)
        busy = sum(sum(_busy(core)) for core in chosen)
        return idle, busy, sum(getattr(core, "steal", 0.0) for core in chosen)

    def _time_collection(self, phase: str, info: dict[str, Any]) -> None:  # Any: the collector's own numbers
        now_ns = time.monotonic_ns()
        if phase == "start":
            self._gc_began_ns = now_ns
            return
        pause_ns = now_ns - self._gc_began_ns
        self._seen.gc_ns += pause_ns
        self._seen.gc_longest_ns = max(self._seen.gc_longest_ns, pause_ns)


def _busy(core: Any) -> Iterator[float]:
    """Yield the times of work that do not hold each other: Linux counts guests within user and nice."""
    idle = ("idle", "iowait", "guest", "guest_nice")
    return (getattr(core, name) for name in core._fields if name not in idle)


def _count_threads(seen: _Seen, *, counting: bool) -> None:
    """Add what each of our threads ran and queued for a core since the last look (Linux, schedstat)."""
    if sys.platform != "linux":
        return
    for tid in os.listdir("/proc/self/task"):  # noqa: PTH208 - a Path per thread and look would double the cost
        with contextlib.suppress(OSError, ValueError):  # the thread has ended meanwhile
            ran, waited, _ = Path(f"/proc/self/task/{tid}/schedstat").read_text("ascii").split()
            now = int(ran), int(waited)
            before = seen.threads.get(tid, (0, 0) if counting else now)
            seen.run_ns += now[0] - before[0]
            seen.wait_ns += now[1] - before[1]
            seen.threads[tid] = now

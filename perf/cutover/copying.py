"""The backfill of a cut-over beside its load: in the time of its own scenario only, with an eye on its memory."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Thread

import psycopg

from perf.cutover.memory import MemoryCourse
from reference.certificates.backfill import Backfill, BackfillProgress

_REST_S = 0.5  # before a backfill goes on whose database or storage went away
_TRIES = 40
# Scenarios take turns by slices. This long after an iteration of this scenario began or ended, the slice is another
# scenario's, whose latency the backfill must not spoil; under its own load, iterations come closer than that.
_IDLE_S = 0.1
_LOOK_S = 0.01


@dataclass(slots=True)
class Copying:
    """A backfill that is started once, in a thread of its own, and finished at the end of the scenario."""

    backfill: Backfill
    memory: MemoryCourse = field(default_factory=MemoryCourse)
    _stop: Event = field(default_factory=Event)
    _thread: Thread | None = None
    _touched_s: float = 0.0

    @property
    def busy(self) -> bool:
        """Whether it has begun and not come to its end."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        self._thread = Thread(
            target=self._copy, args=(self._between_iterations,), name="backfill", daemon=True
        )
        self._thread.start()

    def touch(self) -> None:
        """Hear that an iteration of the scenario begins or ends."""
        self._touched_s = time.monotonic()

    def finish(self) -> None:
        """Copy what is left, here and without a rest."""
        self.close()
        self._stop.clear()
        self._copy(self._at_once)

    def close(self) -> None:
        """End it after what is under way."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _copy(self, on_progress: Callable[[BackfillProgress], None]) -> None:
        """Backfill until nothing is left. Whatever goes away meanwhile: the rows know what is done."""
        for _ in range(_TRIES):
            try:
                progress = self.backfill.run(stop=self._stop, on_progress=on_progress)
            except (psycopg.OperationalError, psycopg.InterfaceError):
                self._stop.wait(_REST_S)
                continue
            if self._stop.is_set() or not progress.failed:
                return
            self._stop.wait(_REST_S)

    def _at_once(self, progress: BackfillProgress) -> None:
        self.memory.note(progress.done, progress.pending)

    def _between_iterations(self, progress: BackfillProgress) -> None:
        """Note a batch; go on once our scenario has its slice."""
        self._at_once(progress)
        while time.monotonic() - self._touched_s > _IDLE_S and not self._stop.is_set():
            self._stop.wait(_LOOK_S)

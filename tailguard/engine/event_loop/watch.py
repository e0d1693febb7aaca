"""What holds the event loop: a journey's own blocking code, outside of any step, delays every other iteration."""

import asyncio
import sys
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from types import FrameType

from tailguard.engine.iteration import async_iteration

# A loop that is well comes back every few milliseconds; a pause of the garbage collector or the scheduler is shorter.
HELD_S = 0.05
_BEAT_S = 0.01
_PACKAGE = str(Path(__file__).parents[2])
_STEP_FILE = async_iteration.__file__


@dataclass(frozen=True, slots=True)
class Hold:
    """Where a journey held the loop, and for how long at least."""

    place: str
    held_s: float

    def __str__(self) -> str:
        return f"a journey's own code held the event loop for {self.held_s * 1e3:.0f} ms at {self.place}"


@dataclass(slots=True)
class HeldLoopWatch:
    """Looks from a thread of its own at what a loop is doing when it does not come back.

    Attributes:
        loop_thread: identity of the thread that the loop runs in.
    """

    loop: asyncio.AbstractEventLoop
    loop_thread: int
    holds: dict[str, Hold] = field(default_factory=dict)
    _last_s: float = field(default_factory=monotonic)
    _over: Event = field(default_factory=Event)

    def start(self) -> None:
        """Begin to look."""
        self.loop.call_soon_threadsafe(self._beat)
        Thread(target=self._look, name="held-loop-watch", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()

    def _beat(self) -> None:
        self._last_s = monotonic()
        if not self._over.is_set():
            self.loop.call_later(_BEAT_S, self._beat)

    def _look(self) -> None:
        while not self._over.wait(_BEAT_S):
            held_s = monotonic() - self._last_s
            if held_s < HELD_S:
                continue
            frame = sys._current_frames().get(self.loop_thread)  # noqa: SLF001  # as faulthandler does
            place = own_code(frame)
            if place and held_s > self.holds.get(place, Hold(place, 0.0)).held_s:
                self.holds[place] = Hold(place, held_s)


def own_code(frame: FrameType | None) -> str:
    """Return file and line of the journey that a thread is in; "" if it is in a step's call, or in no journey."""
    inner: FrameType | None = None
    while frame is not None:
        file = frame.f_code.co_filename
        if file == _STEP_FILE:
            return ""
        if file.startswith(_PACKAGE):
            return f"{inner.f_code.co_filename}, line {inner.f_lineno}" if inner else ""
        inner, frame = frame, frame.f_back
    return ""

"""A dispatch window: a stretch of a schedule put to the present, from which the virtual users take their starts."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from threading import Event, Lock

from tailguard.base.clock import Clock
from tailguard.engine.arrivals import Start

_NEVER_NS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """What of a schedule a window covers.

    Attributes:
        starts_ns: offsets of the whole schedule; None if it is closed.
        first: index of the window's first start.
        end: index of the first start that must not be taken, whatever time is left.
        from_ns: offset in the schedule at which the window begins.
        length_ns: how long starts are due.
        patience_ns: how much longer starts stay due while the platform is not idle, see `DispatchWindow`.
        numbered_from: number of the iteration whose index is 0.
        warmup: the iterations are not measured; their numbers count down from -1 - numbered_from.
    """

    starts_ns: Sequence[int] | None
    first: int
    end: int
    from_ns: int
    length_ns: int
    patience_ns: int
    numbered_from: int = 0
    warmup: bool = False


class DispatchWindow:
    """Hands out starts until its time is over and the platform idle.

    A window that ended at its time sharp would stop sending in the middle of a stall and so leave out the requests
    that the stall would have hit: coordinated omission by the window. So starts stay due until no iteration is in
    progress or waiting: the windows, put together, are one schedule cut only while the platform was idle. `patience_ns`
    bounds that for a platform which never is; then the starts due by that instant are the last.

    `ended` counts the iterations that have ended.
    """

    def __init__(self, spec: WindowSpec, clock: Clock) -> None:
        self.spec = spec
        self._clock = clock
        self._indices = count(spec.first)
        self._lock = Lock()
        self._over = Event()
        self._in_progress = 0
        self.ended = 0
        self._last = spec.first - 1
        self._closed = False
        self._refused: list[int] = []
        self._begun_ns = clock.now_ns()
        self._ended_ns = self._begun_ns
        self._base_ns = self._begun_ns - spec.from_ns
        self._until_ns = self._begun_ns + spec.length_ns
        self._over_ns = _NEVER_NS  # the last instant at which anything is due

    def claim(self, ready_ns: int = 0) -> Start | None:
        """Wait for the next start; None if the window is over.

        `ready_ns` is the offset in the schedule up to which a closed user thinks; a warm-up does not wait for that.
        """
        if ready_ns and not self.spec.warmup and not self._is_ready(ready_ns):
            return None
        index = self.reserve()
        if index is None:
            return None
        claimed_ns = self._clock.now_ns()
        due_ns = self.due_ns(index, claimed_ns)
        if due_ns > claimed_ns:
            self._clock.sleep_until_ns(due_ns, self._over)
        return self.take(index, due_ns, waited=due_ns > claimed_ns)

    def reserve(self) -> int | None:
        """Take the index of the next start, which must go through `take`; None if there are no more."""
        index = next(self._indices)
        starts_ns = self.spec.starts_ns
        if index >= self.spec.end or (starts_ns is not None and index >= len(starts_ns)):
            return None
        return index

    def due_ns(self, index: int, now_ns: int) -> int:
        """Return when a start is due: in a closed window now."""
        return now_ns if self.spec.starts_ns is None else self._base_ns + self.spec.starts_ns[index]

    def take(self, index: int, due_ns: int, *, waited: bool) -> Start | None:
        """Begin a reserved start that is due; None if the window is over.

        `waited` says that a user was free in time, so that a delay is our own.
        """
        if not self._admit(index, due_ns, waited=waited):
            return None
        began_ns = self._clock.now_ns()
        number = self.spec.numbered_from + index
        late_ns = began_ns - due_ns if waited else -1
        return Start(~number if self.spec.warmup else number, due_ns, late_ns, began_ns)

    def _is_ready(self, ready_ns: int) -> bool:
        """Wait until a user is ready; False if that is not in this window."""
        at_ns = self._base_ns + ready_ns
        self._clock.sleep_until_ns(min(at_ns, self._until_ns), self._over)
        return at_ns <= self._until_ns

    def _admit(self, index: int, due_ns: int, *, waited: bool) -> bool:
        with self._lock:
            if due_ns > self._until_ns:
                idle = self.spec.starts_ns is None or (waited and not self._in_progress)
                self._end_if_over(due_ns - 1, self._clock.now_ns(), idle=idle)
            if due_ns > self._over_ns:
                return False
            if self._closed:
                self._refused.append(index)
                return False
            self._in_progress += 1
            self._last = max(self._last, index)
            return True

    def release(self) -> None:
        """Say that an iteration has ended whose start was claimed."""
        now_ns = self._clock.now_ns()
        with self._lock:
            self._in_progress -= 1
            self.ended += 1
            self._ended_ns = max(self._ended_ns, now_ns)

    def play_alone(self, play: Callable[[int, int], int]) -> None:
        """Let one user play a closed window to its end without a claim for each iteration.

        `play` takes the most iterations and the instant after which none begins, and returns how many there were.
        """
        most = self.spec.end - self.spec.first
        played = play(most, self._until_ns)
        self._indices = count(self.spec.first + played)
        self._last = self.spec.first + played - 1
        self.ended = played
        self._ended_ns = self._clock.now_ns()
        self._end(self._ended_ns)

    def supervise(self) -> bool:
        """End the window if its time is over and the platform idle, or our patience at its end; say if it has ended."""
        now_ns = self._clock.now_ns()
        with self._lock:
            idle = not self._in_progress and self._due_by(now_ns) <= self._last + 1
            self._end_if_over(now_ns, now_ns, idle=idle and now_ns >= self._until_ns)
            return self._over.is_set()

    def close(self) -> None:
        """Hand out nothing more, not even what is already due."""
        with self._lock:
            self._end(self._clock.now_ns())
            self._closed = True

    def _end_if_over(self, over_ns: int, now_ns: int, *, idle: bool) -> None:
        patient_until_ns = self._until_ns + self.spec.patience_ns
        if idle or now_ns >= patient_until_ns:
            self._end(min(over_ns, patient_until_ns))

    def _end(self, over_ns: int) -> None:
        self._over_ns = min(self._over_ns, over_ns)
        self._over.set()

    @property
    def offset_ns(self) -> int:
        """The present instant in the schedule's own time."""
        return self._clock.now_ns() - self._base_ns

    def at_ns(self, offset_ns: int) -> int:
        """Return the instant of an offset in the schedule."""
        return self._base_ns + offset_ns

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is handed out."""
        return self._closed

    @property
    def is_over(self) -> bool:
        """Whether nothing more is due."""
        return self._over.is_set()

    @property
    def left_ns(self) -> int:
        """Time until the window may end; negative once it waits for the platform to be idle."""
        return self._until_ns - self._clock.now_ns()

    @property
    def over_ns(self) -> int:
        """Instant after which nothing is due; now, if the window is still open."""
        return min(self._over_ns, self._clock.now_ns())

    @property
    def active_ns(self) -> int:
        """How long starts were due so far."""
        return self.over_ns - self._begun_ns

    @property
    def next_index(self) -> int:
        """Index of the first start of the next window: the first that was not due here."""
        return self._due_by(self.over_ns)

    @property
    def measured_ns(self) -> int:
        """Time in which iterations were due or in progress."""
        return max(self.active_ns, self._ended_ns - self._begun_ns)

    def _due_by(self, now_ns: int) -> int:
        """Index of the first start that is not due by then."""
        if self.spec.starts_ns is None:
            return self._last + 1
        due = bisect_right(self.spec.starts_ns, now_ns - self._base_ns, lo=self.spec.first)
        return min(due, self.spec.end)

    def unserved_ns(self) -> list[int]:
        """Instants at which iterations were due that nobody could begin; to be asked once, after `close`."""
        if self.spec.starts_ns is None:
            return []
        missed = self._refused + list(range(next(self._indices), self.next_index))
        return [self._base_ns + self.spec.starts_ns[index] for index in sorted(missed)]

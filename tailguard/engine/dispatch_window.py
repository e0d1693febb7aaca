"""A dispatch window: a stretch of a schedule put to the present, from which the workers take their starts."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from threading import Event, Lock

from tailguard.base.clock import Clock

_NEVER_NS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """What of a schedule a window covers.

    Attributes:
        starts_ns: offsets of the whole schedule; None if it is closed.
        first: number of the window's first turn.
        end: number of the first turn that must not run, whatever time is left.
        from_ns: offset in the schedule at which the window begins.
        length_ns: how long starts are due.
        patience_ns: how much longer starts stay due while the platform is not idle, see `DispatchWindow`.
    """

    starts_ns: Sequence[int] | None
    first: int
    end: int
    from_ns: int
    length_ns: int
    patience_ns: int


class DispatchWindow:
    """Hands out starts until its time is over and the platform idle.

    A window that ended at its time sharp would stop sending in the middle of a stall and so leave out the requests
    that the stall would have hit: coordinated omission by the window. So starts stay due until no turn is in progress
    or waiting: the windows, put together, are one schedule cut only if the platform was idle. `patience_ns` bounds
    that for a platform which never is; then the turns due by that instant are the last.

    `ended` counts the turns that have ended.
    """

    def __init__(self, spec: WindowSpec, clock: Clock) -> None:
        self._spec = spec
        self._clock = clock
        self._turns = count(spec.first)
        self._lock = Lock()
        self._over = Event()
        self._in_progress = 0
        self.ended = 0
        self._last = spec.first - 1
        self._given_up = False
        self._refused: list[int] = []
        self._begun_ns = clock.now_ns()
        self._ended_ns = self._begun_ns
        self._base_ns = self._begun_ns - spec.from_ns
        self._until_ns = self._begun_ns + spec.length_ns
        self._close_ns = _NEVER_NS

    def claim(self) -> tuple[int, int, int] | None:
        """Wait for the next start.

        Returns:
            Its turn, when it was due, and how late we are on our own account in ns (-1 if no worker was free in
            time, so that the delay is the platform's); None if the window is over.
        """
        turn = next(self._turns)
        due_ns = claimed_ns = self._clock.now_ns()
        if turn >= self._spec.end:
            return None
        if self._spec.starts_ns is not None:
            if turn >= len(self._spec.starts_ns):
                return None
            due_ns = self._base_ns + self._spec.starts_ns[turn]
            if due_ns > claimed_ns:
                self._clock.sleep_until_ns(due_ns, self._over)
        if not self._admit(turn, due_ns, waited=due_ns > claimed_ns):
            return None
        return turn, due_ns, self._clock.now_ns() - due_ns if due_ns > claimed_ns else -1

    def _admit(self, turn: int, due_ns: int, *, waited: bool) -> bool:
        with self._lock:
            if due_ns > self._until_ns:
                idle = self._spec.starts_ns is None or (waited and not self._in_progress)
                self._close_if_over(due_ns - 1, self._clock.now_ns(), idle=idle)
            if due_ns > self._close_ns:
                return False
            if self._given_up:
                self._refused.append(turn)
                return False
            self._in_progress += 1
            self._last = max(self._last, turn)
            return True

    def release(self) -> None:
        """Say that a claimed turn has ended."""
        now_ns = self._clock.now_ns()
        with self._lock:
            self._in_progress -= 1
            self.ended += 1
            self._ended_ns = max(self._ended_ns, now_ns)

    def supervise(self) -> bool:
        """Close the window if its time is over and the platform idle, or our patience at its end; say if closed."""
        now_ns = self._clock.now_ns()
        with self._lock:
            idle = not self._in_progress and self._due_by(now_ns) <= self._last + 1
            self._close_if_over(now_ns, now_ns, idle=idle and now_ns >= self._until_ns)
            return self._over.is_set()

    def give_up(self) -> None:
        """Hand out nothing more, not even what is already due."""
        with self._lock:
            self._close(self._clock.now_ns())
            self._given_up = True

    def _close_if_over(self, close_ns: int, now_ns: int, *, idle: bool) -> None:
        patient_until_ns = self._until_ns + self._spec.patience_ns
        if idle or now_ns >= patient_until_ns:
            self._close(min(close_ns, patient_until_ns))

    def _close(self, close_ns: int) -> None:
        self._close_ns = min(self._close_ns, close_ns)
        self._over.set()

    @property
    def left_ns(self) -> int:
        """Time until the window may end; negative once it waits for the platform to be idle."""
        return self._until_ns - self._clock.now_ns()

    @property
    def closed_ns(self) -> int:
        """Instant after which nothing is due; now, if the window is still open."""
        return min(self._close_ns, self._clock.now_ns())

    @property
    def active_ns(self) -> int:
        """How long starts were due so far."""
        return self.closed_ns - self._begun_ns

    @property
    def next_turn(self) -> int:
        """Number of the first turn of the next window: the first that was not due here."""
        return self._due_by(self.closed_ns)

    @property
    def measured_ns(self) -> int:
        """Time in which turns were due or in progress."""
        return max(self.active_ns, self._ended_ns - self._begun_ns)

    def _due_by(self, now_ns: int) -> int:
        """Number of the first turn that is not due by then."""
        if self._spec.starts_ns is None:
            return self._last + 1
        due = bisect_right(self._spec.starts_ns, now_ns - self._base_ns, lo=self._spec.first)
        return min(due, self._spec.end)

    def unserved(self) -> list[int]:
        """Instants at which turns were due that no worker could begin; to be asked once, after `give_up`."""
        if self._spec.starts_ns is None:
            return []
        turns = self._refused + list(range(next(self._turns), self.next_turn))
        return [self._base_ns + self._spec.starts_ns[turn] for turn in sorted(turns)]

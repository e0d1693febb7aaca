"""Time under a test's hand."""

from threading import Event, Lock


class FakeClock:
    """A clock that stands still until somebody sleeps, and then jumps: an hour's schedule runs at once.

    One clock may serve many threads; it never goes back. With several workers each one's sleep moves the time of all.
    """

    def __init__(self, now_ns: int = 0) -> None:
        self._now_ns = now_ns
        self._lock = Lock()

    def now_ns(self) -> int:
        """Return the pretended instant in ns."""
        return self._now_ns

    def sleep_until_ns(self, due_ns: int, wake: Event | None = None) -> None:
        """Jump to `due_ns` if it lies ahead, unless `wake` is set."""
        if wake is None or not wake.is_set():
            with self._lock:
                self._now_ns = max(self._now_ns, due_ns)

    def advance_ns(self, ns: int) -> None:
        """Let `ns` nanoseconds pass: what an operation of the platform under test takes.

        Raises:
            ValueError: time cannot go backwards.
        """
        if ns < 0:
            raise ValueError(f"the clock cannot go back by {-ns} ns")
        with self._lock:
            self._now_ns += ns

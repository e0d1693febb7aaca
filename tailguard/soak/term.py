"""A term of a leader: the lease is renewed in a thread of its own, and the time of the soak is told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from tailguard.base.clock import Clock
from tailguard.soak.lease import Lease, LeaseLostError

# A renewal may be lost twice before the term ends.
_RENEWALS_PER_TTL = 4
# How much longer than its term a leader may send load, as a share of the TTL.
_LOOKS_PER_TTL = 20


@contextmanager
def renewed(lease: Lease, ttl_s: float, stop: Event) -> Iterator[None]:
    """Renew a term as long as the block lasts; `stop` is set as soon as it is lost, however long the server hangs."""
    over = Event()

    def repeat(act: Callable[[], None], every_s: float) -> None:
        try:
            while not over.wait(every_s):
                act()
        except LeaseLostError:
            stop.set()

    looks = ((lease.renew, ttl_s / _RENEWALS_PER_TTL), (lease.check, ttl_s / _LOOKS_PER_TTL))
    threads = [Thread(target=repeat, args=look, name="lease", daemon=True) for look in looks]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


class Timeline:
    """Seconds since the soak began: the server's clock when the term began, and our own monotonic one since then."""

    def __init__(self, clock: Clock, since_began_s: float) -> None:
        self._clock, self._at_term_s, self._term_ns = clock, since_began_s, clock.now_ns()

    def now_s(self) -> float:
        """Return the present instant."""
        return self._at_term_s + (self._clock.now_ns() - self._term_ns) / 1e9

"""Attempts that a lock timeout ends, again and again: each keeps others waiting for no longer than that."""

import random
from collections.abc import Callable

import psycopg

from tailguard.base.clock import Clock

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.0


class GivenUpError(Exception):
    """The time for waiting is over."""

    def __init__(self, attempts: int, last: psycopg.Error) -> None:
        super().__init__(f"given up after {attempts} attempts: {last}")
        self.attempts = attempts


def patiently(attempt: Callable[[], object], clock: Clock, patience_s: float) -> int:
    """Try until an attempt is ended by neither a lock timeout nor a deadlock, with pauses that grow.

    Returns the number of attempts. Raises GivenUpError for one that fails so after `patience_s`.
    """
    give_up_ns = clock.now_ns() + int(patience_s * 1e9)
    attempts, pause_s = 0, FIRST_PAUSE_S
    while True:
        attempts += 1
        try:
            attempt()
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            if clock.now_ns() >= give_up_ns:
                raise GivenUpError(attempts, error) from error
            pause_ns = int(pause_s * random.uniform(0.5, 1.5) * 1e9)  # noqa: S311  # no secret
            clock.sleep_until_ns(clock.now_ns() + pause_ns)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        else:
            return attempts

"""The workers of `--processes`, which locust forks from its master."""

from collections.abc import Callable
from contextlib import suppress

import gevent  # type: ignore[import-untyped]  # ships no types
import psutil

from tailguard.base.errors import InvalidRunError

LOOK_EVERY_S = 0.5


def mind_workers(expected: int, begun: Callable[[], bool]) -> None:
    """Wait until the run has begun. Raises InvalidRunError if a worker ends before: locust would wait for ever."""
    while not begun():
        if gone := ended_workers(expected):
            raise InvalidRunError(
                f"Nothing was measured: {gone} of {expected} worker processes ended before the run began. "
                "Their output is above; then start it again."
            )
        gevent.sleep(LOOK_EVERY_S)


def ended_workers(expected: int) -> int:
    """Return how many of so many forks have ended; forks have this process's command line."""
    master = psutil.Process()
    mine, living = master.cmdline(), 0
    for child in master.children():
        with suppress(psutil.Error):
            living += child.status() != psutil.STATUS_ZOMBIE and child.cmdline() == mine
    return expected - living

"""The workers of a test as locust's master knows them: for which to wait, and which have ended."""

from collections.abc import Callable
from contextlib import suppress

import gevent  # type: ignore[import-untyped]  # ships no types
import psutil
from locust.runners import LocalRunner, MasterRunner

from tailguard.base.errors import InvalidRunError

LOCAL = "local"  # what locust calls the only node of a run without workers
LOOK_EVERY_S = 0.5


class Workforce:
    """The workers of a runner; `forks` are those of --processes."""

    def __init__(self, runner: MasterRunner | LocalRunner, forks: int) -> None:
        self._clients = None if isinstance(runner, LocalRunner) else runner.clients
        self._forks = forks

    def names(self) -> list[str]:
        """Return those that can take users."""
        found = self._clients
        return (
            [LOCAL]
            if found is None
            else [each.id for each in (*found.ready, *found.spawning, *found.running)]
        )

    def is_there(self, worker: str, *, preparing: bool) -> bool:
        """Whether to wait for a worker.

        One that prepares loads modules, and on a busy machine is silent for longer than locust's four seconds: it is
        given the minute after which locust forgets it, unless its process has ended.
        """
        if preparing and not ended_workers(self._forks):
            return self._clients is None or worker in self._clients
        return self.is_heard(worker)

    def is_heard(self, worker: str) -> bool:
        """Whether locust has heard a worker lately."""
        return self._clients is None or (worker in self._clients and self._clients[worker].state != "missing")


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
    """Return how many of the `expected` forks have ended; forks have this process's command line."""
    master = psutil.Process()
    mine, living = master.cmdline(), 0
    for child in master.children():
        with suppress(psutil.Error):
            living += child.status() != psutil.STATUS_ZOMBIE and child.cmdline() == mine
    return expected - living

"""A second pair of eyes on a long statement: what phase it is in, who blocks it, and the end of its time."""

import threading
from collections.abc import Callable
from typing import Any, Protocol, Self

import psycopg

from tailguard.base.clock import Clock
from tailguard.base.errors import UsageError
from tailguard.migrations.blockers import Blocker, Progress, progress
from tailguard.postgres.location import ANSWER_WITHIN_S
from tailguard.postgres.session import keep_to_catalogue

# Often enough that a phase of a quick build is seen, seldom enough to cost the server nothing (about 1 ms per look).
LOOK_EVERY_S = 0.1
LEFT_AFTER_S = 2.0
OnProgress = Callable[[Progress], None]


class Database(Protocol):
    """Where a migration runs: something that connects, in autocommit, with the schema on its search path."""

    def connect(self, **kwargs: Any) -> psycopg.Connection[Any]:
        """Return a new connection."""
        ...


class Watch:
    """Watches the session `pid` from a connection of its own, and cancels its statement at `deadline_ns`.

    It looks every `every_s`. `looks` holds the first look at each phase and each change of blockers: the build's story.
    """

    def __init__(
        self,
        database: Database,
        pid: int,
        deadline_ns: int,
        clock: Clock,
        on_progress: OnProgress | None,
        every_s: float = LOOK_EVERY_S,
    ) -> None:
        self.looks: list[Progress] = []
        self.out_of_time = False
        self.seconds = 0.0  # how long the statement took
        self.blockers: tuple[Blocker, ...] = ()  # the last ones seen
        self._database, self._pid, self._deadline_ns = database, pid, deadline_ns
        self._clock, self._on_progress, self._every_s = clock, on_progress, every_s
        self.started_ns = clock.now_ns()
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="migration watch", daemon=True)

    def __enter__(self) -> Self:
        self.started_ns = self._clock.now_ns()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._finished.set()
        self.seconds = (self._clock.now_ns() - self.started_ns) / 1e9
        self._thread.join(LEFT_AFTER_S)  # it ends by itself; a server that hangs must not hold us up

    def _watch(self) -> None:
        """Look until the statement is finished; reconnect if need be, for an unwatched build has no deadline."""
        while not self._finished.is_set():
            try:
                with self._database.connect(answer_within_s=ANSWER_WITHIN_S) as connection:
                    keep_to_catalogue(connection)
                    while not self._finished.wait(self._every_s):
                        self._look(connection)
            except (psycopg.OperationalError, UsageError):
                self._finished.wait(LOOK_EVERY_S)

    def _look(self, connection: psycopg.Connection[Any]) -> None:
        seen = progress(connection, self._pid, (self._clock.now_ns() - self.started_ns) / 1e9)
        if not self.looks or _story(seen) != _story(self.looks[-1]):
            self.looks.append(seen)
        self.blockers = seen.blockers
        if self._on_progress is not None:
            self._on_progress(seen)
        if self._clock.now_ns() >= self._deadline_ns and not self._finished.is_set():
            self.out_of_time = True
            connection.execute("SELECT pg_catalog.pg_cancel_backend(%s)", [self._pid])


def _story(look: Progress) -> tuple[str, list[int]]:
    return look.phase, [blocker.pid for blocker in look.blockers]

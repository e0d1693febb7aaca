"""Watches for the loss of the run's database: a run whose database is gone need not fail its whole budget away."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

import psycopg

from tailguard.postgres.database import Database
from tailguard.postgres.location import ANSWER_WITHIN_S, DatabaseError
from tailguard.record.samples import ERROR, Samples

# After this many failures in a row we ask the database itself; fewer may be the platform's own problem.
ASK_AFTER = 50


@dataclass(slots=True)
class DatabaseLossMonitor:
    """Sets `stop` once the database is gone; `gone` says why, for the run.

    `database` is None if the run has none. While it is gone on purpose, `excused` says so.
    """

    database: Database | None
    excused: Callable[[], bool] = lambda: False
    stop: Event = field(default_factory=Event)
    gone: str | None = None

    def look(self, samples: Samples) -> None:
        """Look at the newest samples of a scenario."""
        newest = samples.outcome[-ASK_AFTER:]
        if len(newest) == ASK_AFTER and (newest == ERROR).all() and not self.excused():
            self._ask()

    def _ask(self) -> None:
        if self.database is None:
            return
        try:
            with self.database.connect(answer_within_s=ANSWER_WITHIN_S) as connection:
                connection.execute("SELECT 1")
        except (psycopg.Error, DatabaseError) as error:
            self.gone = f"the database could no longer be read: {error}".strip()
            self.stop.set()

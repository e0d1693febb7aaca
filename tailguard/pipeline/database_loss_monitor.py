"""A lookout for the world's end: a run whose database is gone need not fail its whole budget away."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

import psycopg

from tailguard.engine.measure import Progress
from tailguard.pipeline.world import World
from tailguard.record.samples import ERROR

# So many failures in a row make us ask the database itself; fewer may be the platform's own bad moment.
ASK_AFTER = 50


@dataclass(slots=True)
class DatabaseLossMonitor:
    """Passes progress on, and sets `stop` once the database is gone; `gone` says why, for the run.

    While it is gone on purpose, `excused` says so.
    """

    world: World
    on_progress: Callable[[Progress], None]
    excused: Callable[[], bool] = lambda: False
    stop: Event = field(default_factory=Event)
    gone: str | None = None

    def __call__(self, progress: Progress) -> None:
        """Look at the newest samples of a scenario."""
        self.on_progress(progress)
        newest = progress.samples.outcome[-ASK_AFTER:]
        if len(newest) == ASK_AFTER and (newest == ERROR).all() and not self.excused():
            self._ask()

    def _ask(self) -> None:
        try:
            self.world.value("SELECT 1")
        except psycopg.Error as error:
            self.gone = f"the database could not be read any more: {error}".strip()
            self.stop.set()

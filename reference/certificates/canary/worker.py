"""A worker of the platform that follows the canary: its dual write goes on and off while it runs."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from threading import Event, Thread

import psycopg

from reference.certificates.canary.control import CanaryControl, CanaryState
from reference.certificates.flags import Flags
from reference.certificates.migrating import MigratingStorage
from reference.errors import PlatformError

REFRESH_S = 1.0


@dataclass(slots=True)
class CanaryWorker:
    """`name` is the same after a restart. CERT_S3_DUAL_WRITE, if it is on, stays on whatever the canary says."""

    name: str
    storage: MigratingStorage
    control: CanaryControl
    refresh_s: float = REFRESH_S
    _own: Flags = field(init=False)
    _stop: Event = field(default_factory=Event)
    _thread: Thread | None = None

    def __post_init__(self) -> None:
        """Remember what the environment has switched on."""
        self._own = self.storage.flags

    def start(self) -> None:
        """Follow in a thread of its own."""
        self._thread = Thread(target=self._keep_following, name=f"canary {self.name}", daemon=True)
        self._thread.start()

    def follow(self) -> CanaryState:
        """Look once, and act on it. Raises psycopg.Error or Unavailable without the database."""
        state = self.control.state()
        dual_write = self._own.dual_write or state.writes(self.name)
        self.storage.flags = replace(self._own, dual_write=dual_write)
        self.control.follow(self.name, state.number)
        return state

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _keep_following(self) -> None:
        """Without the database all stays as it was; nothing can be issued without it, either."""
        while not self._stop.is_set():
            with suppress(psycopg.Error, PlatformError):
                self.follow()
            self._stop.wait(self.refresh_s)

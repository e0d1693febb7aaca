"""One session in which a step is tried: watched, with a lock timeout, within the time for waiting that is left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tailguard.base.clock import Clock
from tailguard.ddl.apply.steps import Step, Steps
from tailguard.ddl.options import DdlOptions
from tailguard.ddl.patience import GivenUpError, patiently
from tailguard.migrations.blockers import Blocker, Progress
from tailguard.migrations.errors import MigrationStoppedError
from tailguard.migrations.limits import Limits
from tailguard.migrations.text.settings import ROLE
from tailguard.migrations.watch import Database, OnProgress, Watch
from tailguard.migrations.watched import watched
from tailguard.postgres.session import users_path

LOCK_TIMEOUT_MS = DdlOptions().lock_timeout_ms
# Often enough that an attempt's blockers are seen before its lock timeout ends it.
LOOK_EVERY_S = LOCK_TIMEOUT_MS / 1e3 / 4


@dataclass(slots=True)
class StepSession:
    """`wait` adds seconds to those that were waited, and returns how many are left; `name` tells of a step."""

    database: Database
    connection: psycopg.Connection[Any]
    steps: Steps
    limits: Limits
    clock: Clock
    on_progress: OnProgress | None
    wait: Callable[[float], float]
    name: Callable[[Step], str]
    blockers: tuple[Blocker, ...] = field(default=(), init=False)

    def together(self, step: Step) -> None:
        """Execute a step and mark it as done, in one transaction; nothing if another session did so meanwhile."""
        with self.connection.transaction():
            self.limit_waiting(step)
            if not self.steps.lock(self.connection, step).done:
                self.execute(step, step.text)
                self.steps.end(self.connection, step)

    def execute(self, step: Step, text: str) -> None:
        """Execute what the file says as the file has it."""
        with self.as_the_file(step):
            self.connection.execute(text.encode())

    @contextmanager
    def as_the_file(self, step: Step) -> Iterator[None]:
        """Work on the session's own search path, with the step's settings; a role is given back afterwards."""
        with users_path(self.connection):
            for setting in step.settings:
                self.connection.execute(setting.encode())
            yield
            if any(ROLE.match(setting) for setting in step.settings):
                self.connection.execute("RESET SESSION AUTHORIZATION; RESET ROLE")

    def limit_waiting(self, step: Step) -> None:
        """Let the transaction wait for a lock no longer than others may wait behind it, or than is left.

        One that nobody waits behind may take all of what is left.
        """
        left_ms = max(int(self.wait(0.0) * 1e3), 1)
        timeout_ms = left_ms if step.how == "once" else LOCK_TIMEOUT_MS
        self.connection.execute(f"SET LOCAL lock_timeout = {timeout_ms:d}")

    def patiently(self, step: Step, attempt: Callable[[], object]) -> int:
        """Try until the lock is had; returns the number of attempts.

        Raises MigrationStoppedError, naming those who hold it, when the time for waiting is over.
        """
        began_ns = last_ns = self.clock.now_ns()

        def timed() -> None:
            nonlocal last_ns
            last_ns = self.clock.now_ns()
            attempt()

        try:
            with self.watching():
                attempts = patiently(timed, self.clock, self.wait(0.0))
        except GivenUpError as error:
            behind = "; ".join(str(blocker) for blocker in self.blockers) or "nobody whom this role may see"
            raise MigrationStoppedError(
                f"{self.name(step)}: stopped after {error.attempts} attempts: all the time for waiting is used"
                f" ({self.limits.wait_s:g} s, --wait). The lock is held by {behind}. What was done stays done: run up"
                " again later."
            ) from error
        self.wait((last_ns - began_ns) / 1e9)
        return attempts

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Cancel what the block executes at the deadline. Raises OutOfTimeError."""
        pid = self.connection.info.backend_pid
        ends_ns = self.clock.now_ns() + int(self.limits.deadline_s * 1e9)
        watch = Watch(self.database, pid, ends_ns, self.clock, self._looked, LOOK_EVERY_S)
        with watched(watch, self.limits.deadline_s):
            yield

    def _looked(self, look: Progress) -> None:
        """Keep the last blockers that were seen: between two attempts there are none."""
        self.blockers = look.blockers or self.blockers
        if self.on_progress is not None:
            self.on_progress(look)

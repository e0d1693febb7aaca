"""Another attempt if it can help, and a clear end if it cannot."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import psycopg

from tailguard.base.clock import Clock
from tailguard.base.errors import InterruptedRunError, UsageError
from tailguard.migrations.checks import first_line, in_full
from tailguard.migrations.errors import DuplicateValuesError, MigrationStoppedError, OutOfTimeError
from tailguard.postgres.location import DatabaseError

# Cancelled, lock_timeout, deadlock, terminated, crashed, starting up. A lost connection has no SQLSTATE, or class 08.
WORTH_RETRYING = {"57014", "55P03", "40P01", "57P01", "57P02", "57P03"}
FIRST_PAUSE_S = 0.5  # doubled with each attempt, with jitter: two runners must not meet again
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Retry:
    """`name` is the migration's; `clear_up` drops what a failure left within so many seconds each time it waits, and
    returns a sentence on what it could not. `clear_up_s` is for a failure, and for Ctrl-C.

    A server that went away is waited for up to `wait_s`, recovery after a crash included; that is not an attempt.
    """

    name: str
    attempts: int
    clock: Clock
    wait_s: float
    clear_up: Callable[[float], str]
    clear_up_s: tuple[float, float]

    def run(self, attempt: Callable[[], T]) -> tuple[T, tuple[str, ...]]:
        """Return what `attempt` returned in the end, and how the attempts before it failed.

        Raises MigrationStoppedError after the last attempt or at our own deadline, DuplicateValuesError and UsageError
        if no attempt can help.
        """
        try:
            return self._until_done(attempt)
        except KeyboardInterrupt:  # while it waits for the next attempt, too
            if left := self.clear_up(self.clear_up_s[1]):
                raise InterruptedRunError(f"{self.name}: interrupted.{left}") from None
            raise

    def _until_done(self, attempt: Callable[[], T]) -> tuple[T, tuple[str, ...]]:
        failures: list[str] = []
        gone_ns: int | None = None
        while True:
            try:
                return attempt(), tuple(failures)
            except psycopg.Error as error:
                gone_ns = None  # it was there; should it go again, it is waited for as long again
                failures.append(f"{error.sqlstate or 'connection lost'} {first_line(error)}")
                self._refuse_hopeless(error)
                self._pause_or_stop(failures)
            except DatabaseError as error:
                if not failures:  # it was never reached; otherwise it may be coming back
                    raise
                gone_ns = gone_ns or self.clock.now_ns()
                if self.clock.now_ns() - gone_ns > self.wait_s * 1e9:
                    raise self._given_up([*failures, str(error)]) from error
                self._pause(FIRST_PAUSE_S)
            except OutOfTimeError as error:
                raise MigrationStoppedError(f"{self.name}: {error}{self._cleared_up()}") from error

    def _refuse_hopeless(self, error: psycopg.Error) -> None:
        state = error.sqlstate
        if state is None or state in WORTH_RETRYING or state.startswith("08"):
            return
        left, said = self._cleared_up(), in_full(error)
        if isinstance(error, psycopg.errors.UniqueViolation):
            raise DuplicateValuesError(
                f"{self.name}: {said} Remove the duplicates, then run up again.{left}"
            ) from error
        raise UsageError(f"{self.name}: PostgreSQL refuses it (SQLSTATE {state}): {said}{left}") from error

    def _pause_or_stop(self, failures: list[str]) -> None:
        if len(failures) >= self.attempts:
            raise self._given_up(failures)
        self._pause(FIRST_PAUSE_S * 2 ** (len(failures) - 1) * random.uniform(0.5, 1.5))  # noqa: S311  # no secret

    def _given_up(self, failures: list[str]) -> MigrationStoppedError:
        told = "; ".join(failures)
        return MigrationStoppedError(
            f"{self.name}: given up after {len(failures)} attempts: {told}.{self._cleared_up()}"
        )

    def _cleared_up(self) -> str:
        return self.clear_up(self.clear_up_s[0])

    def _pause(self, seconds: float) -> None:
        self.clock.sleep_until_ns(self.clock.now_ns() + int(seconds * 1e9))

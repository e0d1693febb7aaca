"""Another try for a migration: how long a server that went away is waited for, and what a Ctrl-C leaves."""

import psycopg
import pytest

from tailguard.base.clock import Clock
from tailguard.base.errors import InterruptedRunError
from tailguard.migrations.errors import MigrationStoppedError
from tailguard.migrations.retry import Retry
from tailguard.postgres.location import DatabaseError
from tests.support.fake_clock import FakeClock

LOST, AWAY = psycopg.OperationalError("server closed the connection"), DatabaseError("in recovery mode")


class Attempts:
    """Fails as it is told, one by one, and with the last of them for ever; `made` counts."""

    def __init__(self, *failures: Exception | None) -> None:
        self.failures, self.made = failures, 0

    def __call__(self) -> str:
        failure = self.failures[min(self.made, len(self.failures) - 1)]
        self.made += 1
        if failure is not None:
            raise failure
        return "built"


def retry(clock: Clock, cleared: list[bool] | None = None) -> Retry:
    def clear_up(within_s: float) -> str:
        assert within_s in (10.0, 1.0)
        if cleared is not None:
            cleared.append(True)
        return " Left."

    return Retry("0009", 3, clock, 30.0, clear_up, (10.0, 1.0))


def test_a_server_that_stays_away_is_waited_for_so_long_and_no_longer() -> None:
    """It is asked every half second, and its last words are told."""
    attempts = Attempts(LOST, AWAY)
    with pytest.raises(
        MigrationStoppedError, match=r"server closed the connection; in recovery mode\. Left\."
    ):
        retry(FakeClock(1)).run(attempts)
    assert 60 <= attempts.made - 1 <= 62


def test_a_server_that_goes_away_again_is_waited_for_as_long_again() -> None:
    attempts = Attempts(LOST, *[AWAY] * 50, LOST, *[AWAY] * 50, None)
    done, failures = retry(FakeClock(1)).run(attempts)
    assert (done, len(failures)) == ("built", 2)


def test_a_server_that_was_never_reached_is_no_matter_of_another_try() -> None:
    attempts = Attempts(AWAY)
    with pytest.raises(DatabaseError, match="in recovery mode"):
        retry(FakeClock(1)).run(attempts)
    assert attempts.made == 1


class Interrupted(FakeClock):
    """Somebody presses Ctrl-C whenever it is waited."""

    def sleep_until_ns(self, *_: object) -> None:
        raise KeyboardInterrupt


@pytest.mark.parametrize("clock", [FakeClock(1), Interrupted(1)], ids=["at work", "between two tries"])
def test_an_interrupt_clears_up_whenever_it_comes(clock: Clock) -> None:
    def attempt() -> None:
        raise LOST if isinstance(clock, Interrupted) else KeyboardInterrupt

    cleared: list[bool] = []
    with pytest.raises(InterruptedRunError, match=r"0009: interrupted\. Left\."):
        retry(clock, cleared).run(attempt)
    assert cleared == [True]

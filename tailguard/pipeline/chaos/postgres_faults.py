"""Faults of our own PostgreSQL: connections ended, one process killed, the server stopped and started again."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from functools import partial

import psycopg

from tailguard.base.errors import UsageError
from tailguard.faults.chaos import Injection
from tailguard.faults.orders import Ordered
from tailguard.postgres.database import Database
from tailguard.postgres.location import DatabaseError
from tailguard.postgres.server_control import ServerControl

_BACK_S = 30.0  # a crashed PostgreSQL replays its log; here that takes less than a second
_CONNECT_S = 2  # a server that is coming back answers at once, or refuses
# Everybody else's connections of our own user to our own server.
_TERMINATE = """
SELECT pg_catalog.count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity
WHERE datname = current_catalog AND backend_type = 'client backend' AND pid <> pg_catalog.pg_backend_pid()
"""


def postgres_injection(order: Ordered, database: Database | None) -> Injection:
    """Return how to make a fault of PostgreSQL, and its end: the server ready.

    Raises UsageError if the server is yours, or if no scenario uses one.
    """
    if database is None:
        raise UsageError(f"chaos.faults: {order.kind} needs a scenario that uses PostgreSQL")
    control = database.control
    if control is None:
        raise UsageError(
            f"chaos.faults: {order.kind} is for the embedded server, never for yours: leave it out"
        )

    def end() -> None:
        if order.kind.startswith("postgres_stopped"):
            control.on()
        _wait_until_back(database)

    return Injection(str(order), order.seconds, _begins(database, control)[order.kind], end)


def _begins(database: Database, control: ServerControl) -> Mapping[str, Callable[[], None]]:
    return {
        "postgres_terminated": partial(_terminate, database),
        "postgres_restarted": partial(_crash, database),
        "postgres_stopped_fast": partial(control.off, fast=True),
        "postgres_stopped_immediate": control.off,
    }


def _terminate(database: Database) -> None:
    with database.connect(connect_timeout=_CONNECT_S) as connection:
        connection.execute(_TERMINATE)


def _crash(database: Database) -> None:
    """Kill one backend: PostgreSQL then ends all others and restarts itself by crash recovery, as after a segfault."""
    with database.connect(connect_timeout=_CONNECT_S) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)


def _wait_until_back(database: Database) -> None:
    ends_s = time.monotonic() + _BACK_S
    while True:
        try:
            with database.connect(connect_timeout=_CONNECT_S) as connection:
                connection.execute("SELECT 1")
        except (psycopg.OperationalError, DatabaseError):
            if time.monotonic() > ends_s:
                raise
            time.sleep(0.05)
        else:
            return

"""Faults of our own PostgreSQL: connections ended, one process killed, the server stopped and started again."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import psycopg

from tailguard.base.errors import UsageError
from tailguard.faults.chaos import Injection
from tailguard.faults.orders import Ordered
from tailguard.pipeline.world import World
from tailguard.postgres.location import DatabaseError
from tailguard.postgres.server_control import ServerControl

_BACK_S = 30.0  # a crashed PostgreSQL replays its log; here that takes less than a second
# Everybody else's connections of our own user to our own server.
_TERMINATE = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


def postgres_injection(order: Ordered, world: World) -> Injection:
    """Return how to make a fault of PostgreSQL, and its end: the server ready. Raises UsageError for yours."""
    control = world.database.control
    if control is None:
        raise UsageError(
            f"chaos.faults: {order.kind} is for the embedded server, never for yours: leave it out"
        )

    def end() -> None:
        if order.kind.startswith("postgres_stopped"):
            control.on()
        _wait_until_back(world)

    return Injection(str(order), order.seconds, _begins(world, control)[order.kind], end)


def _begins(world: World, control: ServerControl) -> Mapping[str, Callable[[], None]]:
    return {
        "postgres_terminated": partial(_terminate, world),
        "postgres_restarted": partial(_crash, world),
        "postgres_stopped_fast": partial(control.off, fast=True),
        "postgres_stopped_immediate": control.off,
    }


def _terminate(world: World) -> None:
    with _connection(world) as connection:
        connection.execute(_TERMINATE)


def _crash(world: World) -> None:
    """Kill one backend: PostgreSQL then ends all others and restarts itself by crash recovery, as after a segfault."""
    with _connection(world) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)


def _wait_until_back(world: World) -> None:
    ends_s = time.monotonic() + _BACK_S
    while True:
        try:
            with _connection(world) as connection:
                connection.execute("SELECT 1")
            world.reconnect()
        except (psycopg.OperationalError, DatabaseError):
            if time.monotonic() > ends_s:
                raise
            time.sleep(0.05)
        else:
            return


def _connection(world: World) -> psycopg.Connection[Any]:
    return psycopg.connect(world.database.conninfo, autocommit=True, connect_timeout=2)

"""Faults of a chaos run: what the configuration asks for, made on the world's real parts."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from perf.chaos import Chaos, Injection
from perf.config import Config
from perf.errors import UsageError
from perf.postgres.location import DatabaseError
from perf.recovery import Recovery, recoveries
from perf.scenario import Invariant
from perf.setting import did_you_mean
from perf.trial import Measurement
from scenarios._s3_switches import S3Switches
from scenarios._world import World

# What the number after "=" means, and what it must be below; kinds without one take none.
_AMOUNTS = {
    "s3_errors": ("share", 1.0),
    "s3_timeouts": ("share", 1.0),
    "s3_resets": ("share", 1.0),
    "s3_slow": ("s", 60.0),
}
_PLAIN = ("s3_down", "s3_killed", "postgres_terminated", "postgres_restarted")
KINDS = (*_AMOUNTS, *_PLAIN)
_BACK_S = 30.0  # a crashed PostgreSQL replays its log; here that takes less than a second
# Everybody else's connections of our own user to our own server.
_TERMINATE = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True, slots=True)
class Ordered:
    """A fault as ordered: `s3_errors=0.02:5` is 2 % of the answers for 5 s."""

    kind: str
    amount: float
    seconds: float

    def __str__(self) -> str:
        """Say it as a reader does."""
        match self.kind:
            case "s3_slow":
                return f"S3 answers {self.amount:g} s late"
            case "s3_errors" | "s3_timeouts" | "s3_resets":
                return f"S3 {self.kind.removeprefix('s3_')} {self.amount:.0%}"
            case _:
                return self.kind.replace("s3", "S3").replace("postgres", "PostgreSQL").replace("_", " ")


def ordered_faults(config: Config) -> list[Ordered]:
    """Return the faults of a configuration, in their order. Raises UsageError for one that cannot be read."""
    return [_ordered(text) for text in config.get("chaos.faults")]


@contextmanager
def chaos_on(world: World) -> Iterator[Chaos | None]:
    """Make the ordered faults while the `with` lasts; None where none is ordered. Afterwards everything is back."""
    orders = ordered_faults(world.config)
    if not orders:
        yield None
        return
    with Chaos([_injection(each, world) for each in orders], world.config.get("chaos.calm_s")) as chaos:
        yield chaos
    if world.s3_switches is not None:
        world.s3_switches.mend()


def chaos_record(chaos: Chaos, measured: Mapping[str, Measurement], recover_s: float) -> dict[str, Any]:
    """Return the `chaos` entry of run.json: what was ordered, what was made, and what each cost each scenario."""
    found = recoveries({slug: each.samples for slug, each in measured.items()}, chaos.windows)
    return {
        "recover_s": recover_s,
        "ordered": chaos.labels,
        "windows": [window.as_dict() for window in chaos.windows],
        "recoveries": [each.as_dict() for each in found],
    }


def recovery_invariants(record: Mapping[str, Any] | None, slug: str) -> list[Invariant]:
    """Return for each fault that its scenario was well again in time, and that the fault was really made."""
    if record is None:
        return []
    limit_s = record["recover_s"]
    made = [window["label"] for window in record["windows"] if not window["note"]]
    notes = "; ".join(
        f"{window['label']}: {window['note']}" for window in record["windows"] if window["note"]
    )
    mine = (Recovery(**entry) for entry in record["recoveries"] if entry["scenario"] == slug)
    return [
        Invariant(
            "every ordered fault was made",
            made == record["ordered"],
            f"{len(record['ordered'])} faults",
            f"{len(made)} faults{notes and ': '}{notes}",
        ),
        *(
            Invariant(
                f"well again in time after: {each.label}",
                each.recovered_s <= limit_s,
                f"last trouble at most {limit_s:g} s after its end",
                f"{each.recovered_s:.2f} s ({each.errors} errors, {each.retried} retried of {each.samples})",
            )
            for each in mine
            if each.samples  # a fault after this scenario's end tells nothing of it
        ),
    ]


def _ordered(text: str) -> Ordered:
    order, _, seconds = text.partition(":")
    kind, _, amount = order.partition("=")
    if kind not in KINDS:
        raise UsageError(f"chaos.faults: there is no fault {kind!r}.{did_you_mean(kind, list(KINDS))}")
    try:
        read = Ordered(kind, float(amount or 0), float(seconds))
    except ValueError:
        raise UsageError(
            f"chaos.faults: {text!r} is not of the form kind=amount:seconds, as s3_errors=0.02:5"
        ) from None
    meaning, most = _AMOUNTS.get(kind, ("", 0.0))
    if (
        bool(amount) != bool(meaning)
        or (meaning and not 0 < read.amount <= most)
        or not 0 < read.seconds < float("inf")
    ):
        wanted = (
            f"{kind}=AMOUNT:SECONDS, the amount ({meaning}) at most {most:g}"
            if meaning
            else f"{kind}:SECONDS"
        )
        raise UsageError(f"chaos.faults: {text!r} must be {wanted}")
    return read


def _injection(order: Ordered, world: World) -> Injection:
    if order.kind.startswith("postgres"):
        if world.database.source == "yours":
            raise UsageError(
                f"chaos.faults: {order.kind} is for the embedded server, never for yours: leave it out"
            )
        begin = _terminate if order.kind == "postgres_terminated" else _crash
        return Injection(str(order), order.seconds, lambda: begin(world), lambda: _wait_until_back(world))
    if world.s3_switches is None:
        raise UsageError(f"chaos.faults: {order.kind} needs a scenario that uses S3")
    begin_s3, end_s3 = _s3_switch(order, world.s3_switches)
    return Injection(str(order), order.seconds, begin_s3, end_s3)


def _s3_switch(order: Ordered, switches: S3Switches) -> tuple[Callable[[], None], Callable[[], None]]:
    if order.kind == "s3_killed":
        return switches.kill, switches.restart
    return lambda: switches.inject(order.kind, order.amount), switches.mend


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

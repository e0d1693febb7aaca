"""Where a migration stands: what the catalogue has, what the ledger says, and what `up` would do."""

from dataclasses import dataclass
from typing import Any

import psycopg

from tailguard.base.errors import UsageError
from tailguard.migrations import ledger
from tailguard.migrations.checks import describe, leftovers
from tailguard.migrations.index import (
    Shape,
    Table,
    equivalents,
    find_index,
    find_table,
    indexes_of,
    wanted_shape,
)
from tailguard.migrations.migration import Migration


@dataclass(frozen=True, slots=True)
class Status:
    """`state` is "absent", "valid", "INVALID", "another index" or "no table"; `next_step` is what `up` would do."""

    name: str
    state: str
    next_step: str
    leftovers: tuple[str, ...] = ()
    recorded: str = "never"
    changed: bool = False  # the files were edited since the ledger's entry


def status_of(connection: psycopg.Connection[Any], migration: Migration) -> Status:
    """Read where a migration stands, without changing anything. Raises psycopg.Error if the catalogue refuses."""
    try:
        table = find_table(connection, migration.build.table)
    except UsageError as error:
        return Status(migration.name, "no table", str(error))
    wanted = wanted_shape(connection, table, migration.build)
    present = find_index(connection, table, migration.index)
    left = tuple(index.name for index in leftovers(connection, table, migration.index))
    entry = ledger.last_entry(connection, table.schema, migration)
    recorded = "never" if entry is None else f"{entry.action} {entry.recorded:%Y-%m-%d %H:%M:%S%z}"
    changed = entry is not None and entry.sha256 != migration.sha256
    if present is not None and present.usable:
        state, step = _usable(present.shape, wanted, "drop it" if migration.removal else "nothing")
    else:
        state = "absent" if present is None else "INVALID"
        served = wanted_served(connection, table, wanted)
        step = _removal_step(left) if migration.removal else _way_up(connection, table, served, left)
    return Status(migration.name, state, step, left, recorded, changed)


def _usable(shape: Shape, wanted: Shape, ready: str) -> tuple[str, str]:
    if (shape.unique, shape.definition) == (wanted.unique, wanted.definition):
        return "valid", ready
    return "another index", f"stop: it is {shape.definition}"


def wanted_served(connection: psycopg.Connection[Any], table: Table, wanted: Shape) -> str:
    """Say which index already serves what is wanted; empty if none does."""
    found = equivalents(indexes_of(connection, table), wanted)
    return describe(found[0]) if found else ""


def _removal_step(left: tuple[str, ...]) -> str:
    return f"drop {', '.join(left)}" if left else "nothing"


def _way_up(connection: psycopg.Connection[Any], table: Table, served: str, left: tuple[str, ...]) -> str:
    healing = f"drop {', '.join(left)}, then " if left else ""
    if served:
        return f"stop: {served}"
    return f"{healing}build on {table.schema}.{table.name}, about {table.rows:,} rows"

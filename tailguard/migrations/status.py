"""Where a migration stands: what the catalogue has, what the ledger says, and what `up` would do."""

from dataclasses import dataclass
from typing import Any

import psycopg

from tailguard.base.errors import UsageError
from tailguard.migrations import ledger
from tailguard.migrations.checks import known_shape, leftovers
from tailguard.migrations.index import Index, Shape, Table, find_index, find_table
from tailguard.migrations.migration import BadMigration, Migration
from tailguard.migrations.refusals import against_building, against_dropping, other_shape

STOP = "stop: "
NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Status:
    """`state` is "absent", "valid", "INVALID", "another index", "no table" or "bad file"; `next_step` is what `up`
    would do.
    """

    name: str
    state: str
    next_step: str
    leftovers: tuple[str, ...] = ()
    recorded: str = "never"
    changed: bool = False  # the files were edited since the ledger's entry
    uncompared: str = ""  # why the index was not compared with the file

    @property
    def stops(self) -> bool:
        """Whether `up` would do nothing but say why."""
        return self.next_step.startswith(STOP)


def status_of_bad(bad: BadMigration) -> Status:
    """Say that files cannot be used."""
    return Status(bad.name, "bad file", f"{STOP}{bad.why.rstrip('.')}")


def status_of(connection: psycopg.Connection[Any], migration: Migration) -> Status:
    """Read where a migration stands, without changing anything. Raises psycopg.Error if the catalogue refuses."""
    try:
        table = find_table(connection, migration.build.table)
    except UsageError as error:
        return Status(migration.name, "no table", f"{STOP}{str(error).rstrip('.')}")
    wanted, unknown = known_shape(connection, table, migration.build)
    present = find_index(connection, table, migration.build.index)
    left = tuple(index.name for index in leftovers(connection, table, migration.build.index))
    recorded, changed = _ledger(connection, table, migration)
    return Status(
        migration.name,
        _state(present, wanted),
        _next_step(connection, table, migration, present, wanted, left),
        left,
        recorded,
        changed,
        unknown if present is not None else "",
    )


def _ledger(connection: psycopg.Connection[Any], table: Table, migration: Migration) -> tuple[str, bool]:
    """Say what the ledger knows, and whether the files were edited since."""
    try:
        entry = ledger.last_entry(connection, table.schema, migration)
    except psycopg.errors.InsufficientPrivilege:
        return "not readable by this role", False
    if entry is None:
        return "never", False
    return f"{entry.action} {entry.recorded:%Y-%m-%d %H:%M:%S%z}", entry.sha256 != migration.sha256


def _state(present: Index | None, wanted: Shape | None) -> str:
    if present is None:
        return "absent"
    if not present.usable:
        return "INVALID"
    return "another index" if other_shape(present, wanted) else "valid"


def _next_step(
    connection: psycopg.Connection[Any],
    table: Table,
    migration: Migration,
    present: Index | None,
    wanted: Shape | None,
    left: tuple[str, ...],
) -> str:
    usable = present is not None and present.usable
    if usable and present is not None and (other := other_shape(present, wanted)):
        return STOP + other
    if migration.removal:
        going = [present.name] if usable and present is not None else list(left)
        reason = against_dropping(connection, table, present) if present is not None else ""
        return STOP + reason if reason else (f"drop {', '.join(going)}" if going else NOTHING)
    if usable:
        return NOTHING
    if reason := against_building(connection, table, migration, wanted, allow_equivalent=False):
        return STOP + reason
    healing = f"drop {', '.join(left)}, then " if left else ""
    return f"{healing}build on {table.schema}.{table.name}, about {table.rows:,} rows"

"""What an `up` that was killed left in the middle of a step, read from the catalogue and from the table of steps."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import Connection, sql

from tailguard.base.errors import UsageError
from tailguard.base.text_format import count
from tailguard.ddl.apply.steps import Step
from tailguard.migrations.checks import leftovers
from tailguard.migrations.index import Table, find_table
from tailguard.migrations.kinds import recognise
from tailguard.migrations.kinds.safe import batches_of
from tailguard.migrations.text.sql import created_index, dropped_index
from tailguard.postgres.session import users_path

REINDEX = re.compile(
    r"REINDEX\s+(?:\(.*?\)\s*)?(?P<what>INDEX|TABLE|SCHEMA|DATABASE)\s+CONCURRENTLY\s+(?P<name>.+)",
    re.IGNORECASE | re.DOTALL,
)
# The halves of a rebuild, with the table that they belong to; those of a table's TOAST too.
HALVES = """
SELECT n.nspname, c.relname, t.oid, tn.nspname, t.relname FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class t ON i.indrelid IN (t.oid, t.reltoastrelid) AND t.relkind IN ('r', 'm')
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$' AND {}
ORDER BY 1, 2
"""
AMONG = {
    "INDEX": "t.oid = (SELECT indrelid FROM pg_catalog.pg_index WHERE indexrelid = pg_catalog.to_regclass(%s))",
    "TABLE": "t.oid = pg_catalog.to_regclass(%s)",
    "SCHEMA": "tn.nspname = (pg_catalog.parse_ident(%s))[1]",
    "DATABASE": "%s <> ''",
}
DETACHED = """
SELECT i.inhdetachpending FROM pg_catalog.pg_inherits i
WHERE i.inhrelid = pg_catalog.to_regclass(%s) AND i.inhparent = pg_catalog.to_regclass(%s)
"""
NOT_VALID = """
SELECT 1 FROM pg_catalog.pg_constraint
WHERE conrelid = pg_catalog.to_regclass(%s) AND conname = (pg_catalog.parse_ident(%s))[1] AND NOT convalidated
"""
# How heal mends it: by dropping what is left, or by doing the step to its end.
Mending = Literal["drop", "finish"]


@dataclass(frozen=True, slots=True)
class Half:
    """An index that a rebuild left, and its table."""

    index: sql.Identifier
    name: str
    table: Table


@dataclass(frozen=True, slots=True)
class Left:
    """What a step left, in words."""

    what: str
    mending: Mending


def left_of(connection: Connection[Any], step: Step) -> Left | None:
    """Return what the first step that is not done has left, None if that is nothing."""
    if (build := created_index(step.text)) is not None and build.concurrently:
        return _invalid(connection, build.table, build.index)
    if REINDEX.fullmatch(step.text):
        names = ", ".join(half.name for half in halves(connection, step))
        return Left(f"INVALID {names}", "drop") if names else None
    if (drop := dropped_index(step.text)) is not None and drop.concurrently:
        row = _one(
            connection,
            "SELECT indisvalid FROM pg_catalog.pg_index WHERE indexrelid = to_regclass(%s)",
            drop.index,
        )
        return Left(f"INVALID {drop.index}", "finish") if row == (False,) else None
    if batches_of(step.text) is not None:
        return _half_backfill(step)
    return _half_of_kind(connection, step)


def halves(connection: Connection[Any], step: Step) -> list[Half]:
    """Return the _ccnew and _ccold indexes that a REINDEX CONCURRENTLY left."""
    found = REINDEX.fullmatch(step.text)
    if found is None:
        return []
    query = HALVES.format(AMONG[found["what"].upper()])
    with users_path(connection):
        rows = connection.execute(query.encode(), [found["name"].strip()]).fetchall()
    return [
        Half(sql.Identifier(schema, name), f"{schema}.{name}", Table(oid, home, table, 0))
        for schema, name, oid, home, table in rows
    ]


def detach(connection: Connection[Any], step: Step) -> Literal["", "attached", "pending"] | None:
    """Return how far a DETACH CONCURRENTLY is, "" for done, None for another statement."""
    found = recognise(step.text)
    if found is None or found.kind.slug != "detach-partition-concurrently":
        return None
    row = _one(connection, DETACHED, found.parts["partition"], found.parts["table"])
    return "" if row is None else ("pending" if row[0] else "attached")


def _half_of_kind(connection: Connection[Any], step: Step) -> Left | None:
    found = recognise(step.text)
    if found is None:
        return None
    if found.kind.slug == "validate-constraint":
        table, constraint = found.parts["table"], found.parts["constraint"]
        row = _one(connection, NOT_VALID, table, constraint)
        return Left(f"the constraint {constraint} of {table} is NOT VALID", "finish") if row else None
    if detach(connection, step) == "pending":
        return Left(f"{found.parts['partition']} is detached half way", "finish")
    return None


def _half_backfill(step: Step) -> Left | None:
    batches = batches_of(step.text)
    if batches is None or step.reached is None or step.until is None:
        return None
    return Left(
        f"the backfill of {batches.table} is done below {batches.key} = {count(step.reached)} of {count(step.until)}",
        "finish",
    )


def _invalid(connection: Connection[Any], table: str, index: str) -> Left | None:
    try:
        found = leftovers(connection, find_table(connection, table), index)
    except UsageError:  # there is no such table yet
        return None
    names = ", ".join(f"{one.schema}.{one.name}" for one in found)
    return Left(f"INVALID {names}", "drop") if names else None


def _one(connection: Connection[Any], query: str, *names: str) -> tuple[Any, ...] | None:
    with users_path(connection):
        return connection.execute(query.encode(), names).fetchone()

"""What the runner asks before it builds and after: is this the index, is it superfluous, what did a failure leave?"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from tailguard.base.errors import UsageError
from tailguard.migrations.errors import MigrationStoppedError
from tailguard.migrations.index import (
    Index,
    Shape,
    Table,
    UnknownShapeError,
    catalogue_name,
    indexes_of,
    wanted_shape,
)
from tailguard.migrations.migration import Migration
from tailguard.migrations.refusals import other_shape, refuse
from tailguard.migrations.text.sql import LONGEST_NAME, IndexStatement, cut
from tailguard.migrations.watch import Watch

HALF = re.compile(r"_cc(?:new|old)\d*$")


def leftovers(connection: psycopg.Connection[Any], table: Table, written: str) -> list[Index]:
    """Return the INVALID indexes of a name, and those that REINDEX CONCURRENTLY named after it (_ccnew, _ccold)."""
    index = catalogue_name(connection, written)
    return [
        found
        for found in indexes_of(connection, table)
        if not found.usable and (found.name == index or _is_half_of(found.name, index))
    ]


def _is_half_of(name: str, index: str) -> bool:
    """Whether PostgreSQL would call a half of a rebuild so: it cuts a long name to make room for the ending."""
    half = HALF.search(name)
    return half is not None and name == cut(index, LONGEST_NAME - len(half[0])) + half[0]


def dropping(index: Index) -> sql.Composed:
    """Return the statement that drops exactly this index, without keeping anybody waiting."""
    return sql.SQL("DROP INDEX CONCURRENTLY {}").format(sql.Identifier(index.schema, index.name))


def known_shape(
    connection: psycopg.Connection[Any], table: Table, build: IndexStatement
) -> tuple[Shape | None, str]:
    """Return the shape that a statement asks for, or None and why PostgreSQL cannot tell."""
    try:
        return wanted_shape(connection, table, build), ""
    except UnknownShapeError as error:
        return None, str(error)


def check_built(built: Index | None, migration: Migration, wanted: Shape | None) -> None:
    """Raise unless the index is there, valid, ready and of the wanted shape, if that is known: no error is not yet
    success.
    """
    if built is None or not built.usable:
        state = "absent" if built is None else f"INVALID (valid={built.valid}, ready={built.ready})"
        raise MigrationStoppedError(
            f"{migration.name}: PostgreSQL reported success, but the index is {state}."
            " Somebody else changed it meanwhile: see `tailguard migrate status`, then run up again."
        )
    refuse(other_shape(built, wanted))


def out_of_time(watch: Watch, deadline_s: float) -> str:
    """Say what a statement was doing when its time was up, and who held it up."""
    phase = watch.looks[-1].phase if watch.looks else "starting"
    blockers = "; ".join(str(blocker) for blocker in watch.blockers) or "nobody: it was working"
    return f"Cancelled after {deadline_s:g} s, our own deadline (--deadline). Phase: {phase}. Held up by {blockers}."


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turn what PostgreSQL refuses into one message."""
    try:
        yield
    except psycopg.Error as error:
        state = f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
        raise UsageError(f"PostgreSQL refuses{state}: {in_full(error)}") from error


def in_full(error: psycopg.Error) -> str:
    """Return PostgreSQL's own message with its detail and its hint, as sentences."""
    parts = (first_line(error), error.diag.message_detail, error.diag.message_hint)
    return " ".join(part if part.endswith((".", "?", "!")) else f"{part}." for part in parts if part)


def first_line(error: psycopg.Error) -> str:
    """Return PostgreSQL's own message in one line."""
    return error.diag.message_primary or next(iter(str(error).splitlines()), type(error).__name__)

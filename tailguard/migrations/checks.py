"""What the runner asks before it builds and after: is this the index, is it superfluous, what did a failure leave?"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from tailguard.base.errors import UsageError
from tailguard.migrations.errors import MigrationStoppedError, WrongIndexError
from tailguard.migrations.index import Equivalent, Index, Shape, Table, indexes_of
from tailguard.migrations.migration import Migration
from tailguard.migrations.watch import Watch


def leftovers(connection: psycopg.Connection[Any], table: Table, index: str) -> list[Index]:
    """Return the INVALID indexes called `index`, or as REINDEX CONCURRENTLY calls its halves (_ccnew, _ccold)."""
    name = re.compile(re.escape(index) + r"(_cc(new|old)\d*)?")
    return [
        found for found in indexes_of(connection, table) if not found.usable and name.fullmatch(found.name)
    ]


def dropping(index: Index) -> sql.Composed:
    """Return the statement that drops exactly this index, without keeping anybody waiting."""
    return sql.SQL("DROP INDEX CONCURRENTLY {}").format(sql.Identifier(index.schema, index.name))


def check_built(built: Index | None, migration: Migration, wanted: Shape) -> None:
    """Raise unless the index is there, valid, ready and of the wanted shape: no error is not yet success."""
    if built is None or not built.usable:
        state = "absent" if built is None else f"INVALID (valid={built.valid}, ready={built.ready})"
        raise MigrationStoppedError(
            f"{migration.name}: PostgreSQL reported success, but the index is {state}."
            " Somebody else changed it meanwhile: see `tailguard migrate status`, then run up again."
        )
    refuse_other_shape(built, wanted)


def refuse_other_shape(present: Index, wanted: Shape) -> None:
    """Raise WrongIndexError if the index of the wanted name indexes something else."""
    have, want = present.shape, wanted
    if (have.unique, have.definition) != (want.unique, want.definition):
        raise WrongIndexError(
            f"{present.schema}.{present.name} exists and is another index: {_words(have)}; wanted: {_words(want)}."
            " Rename or drop the one that is there, or give the migration another name."
        )


def refuse_equivalent(migration: Migration, found: list[Equivalent]) -> None:
    """Raise WrongIndexError if another index already serves what the new one would."""
    if found:
        raise WrongIndexError(
            f"{migration.name} was not built: {describe(found[0])}."
            " A second one would cost every write and gain no read. Build it all the same with --allow-equivalent."
        )


def describe(equivalent: Equivalent) -> str:
    """Say in words why an index already serves the wanted one."""
    turned = ", read backward" if equivalent.backward else ""
    condition = (
        f", if its first {equivalent.equality} column(s) are compared with =" if equivalent.equality else ""
    )
    return f"{equivalent.name} ({equivalent.definition}) already serves it{turned}{condition}"


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
        raise UsageError(f"PostgreSQL refuses{state}: {first_line(error)}.") from error


def first_line(error: psycopg.Error) -> str:
    """Return PostgreSQL's own message in one line."""
    return error.diag.message_primary or next(iter(str(error).splitlines()), type(error).__name__)


def _words(shape: Shape) -> str:
    return f"{'UNIQUE ' if shape.unique else ''}{shape.definition}"

"""The table of steps: what `up` does of each SQL file, and how far it is. It stands in the file's own schema.

A step that a transaction can hold is marked as done in the same one: it is executed exactly once, whatever is killed.
"""

import contextlib
from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import Connection, errors, sql
from psycopg.rows import class_row

from tailguard.base.errors import UsageError
from tailguard.migrations.index import Table
from tailguard.record.ddl import How

STEPS = "tailguard_steps"
CREATE = """
CREATE TABLE {} (
    file text NOT NULL,
    sha256 text NOT NULL,
    step int NOT NULL,
    how text NOT NULL,
    statement text NOT NULL,
    settings text[] NOT NULL,
    begun timestamptz,
    reached bigint,
    until bigint,
    done timestamptz,
    PRIMARY KEY (file, step)
)
"""
INSERT = "INSERT INTO {} (file, sha256, step, how, statement, settings) VALUES (%s, %s, %s, %s, %s, %s)"
SELECT = """
SELECT step AS number, how, statement AS text, settings, begun IS NOT NULL AS begun, reached, until,
       done IS NOT NULL AS done
FROM {} WHERE file = %s
"""
IN_ORDER, LOCKED = " ORDER BY step", " AND step = %s FOR UPDATE"
OID = """
SELECT c.oid, n.nspname, c.relname, 0 FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s
"""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A statement of the plan. Of a backfill the keys below `reached` are done, and those above `until` need none."""

    number: int
    how: How
    text: str
    settings: Sequence[str] = ()
    begun: bool = False
    reached: int | None = None
    until: int | None = None
    done: bool = False


class Steps:
    """The steps of one file, in one schema."""

    def __init__(self, schema: str, file: str, sha256: str) -> None:
        self.schema, self.file, self._sha256 = schema, file, sha256
        self._table = sql.Identifier(schema, STEPS)

    def read(self, connection: Connection[Any]) -> list[Step]:
        """Return the steps as they are kept, none if the file was never begun.

        Raises UsageError if it was begun with another content.
        """
        if self.table(connection) is None:
            return []
        self._refuse_other_content(connection)
        with connection.cursor(row_factory=class_row(Step)) as cursor:
            query = sql.SQL(SELECT + IN_ORDER).format(self._table)
            return cursor.execute(query, [self.file]).fetchall()

    def lock(self, connection: Connection[Any], step: Step) -> Step:
        """Return a step as it is now, and let nobody else change it until the transaction's end."""
        with connection.cursor(row_factory=class_row(Step)) as cursor:
            query = sql.SQL(SELECT + LOCKED).format(self._table)
            found = cursor.execute(query, [self.file, step.number]).fetchone()
        assert found is not None  # it was kept before anything was done
        return found

    def table(self, connection: Connection[Any]) -> Table | None:
        """Return the table of steps, None if there is none yet."""
        row = connection.execute(OID, [self.schema, STEPS]).fetchone()
        return None if row is None else Table(*row)

    def open(self, connection: Connection[Any]) -> Table:
        """Make sure that the table is there. Two runners may try at once: the second one finds it made."""
        found = self.table(connection)
        if found is None:
            with contextlib.suppress(errors.DuplicateTable, errors.UniqueViolation):
                connection.execute(sql.SQL(CREATE).format(self._table))
            found = self.table(connection)
        assert found is not None  # it was just made
        return found

    def keep(self, connection: Connection[Any], steps: Sequence[Step]) -> None:
        """Write the plan down, before anything of it is done."""
        with connection.transaction(), connection.cursor() as cursor:
            for step in steps:
                values = [self.file, self._sha256, step.number, step.how, step.text, [*step.settings]]
                cursor.execute(sql.SQL(INSERT).format(self._table), values)

    def begin(self, connection: Connection[Any], step: Step, span: tuple[int, int] | None = None) -> None:
        """Mark a step as begun; `span` are the keys of a backfill, the first and the last one."""
        self._set(
            connection,
            step,
            "begun = now(), reached = %s, until = %s",
            [*(span or (step.reached, step.until))],
        )

    def reach(self, connection: Connection[Any], step: Step, key: int) -> None:
        """Mark the keys below `key` as done."""
        self._set(connection, step, "reached = %s", [key])

    def end(self, connection: Connection[Any], step: Step) -> None:
        """Mark a step as done."""
        self._set(connection, step, "begun = coalesce(begun, now()), done = now()", [])

    def marking(self, step: Step) -> str:
        """Return the SQL by which a person says that a step is done."""
        return f"UPDATE {self.schema}.{STEPS} SET done = now() WHERE file = '{self.file}' AND step = {step.number}"

    def _set(self, connection: Connection[Any], step: Step, what: str, values: Sequence[object]) -> None:
        update = sql.SQL("UPDATE {} SET {} WHERE file = %s AND step = %s").format(self._table, sql.SQL(what))
        connection.execute(update, [*values, self.file, step.number])

    def _refuse_other_content(self, connection: Connection[Any]) -> None:
        query = sql.SQL("SELECT DISTINCT sha256 FROM {} WHERE file = %s").format(self._table)
        kept = {hashed for (hashed,) in connection.execute(query, [self.file])}
        if kept - {self._sha256}:
            raise UsageError(
                f"{self.file} is not the file that was begun here: its content has changed. Bring the old content"
                f" back, or, if this is another migration, give it a name of its own. To forget what was done:"
                f" DELETE FROM {self.schema}.{STEPS} WHERE file = '{self.file}'"
            )

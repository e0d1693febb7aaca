"""What a proof's clients execute: inserts, updates and reads of a table, derived from its catalogue."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql

from tailguard.base.errors import UsageError
from tailguard.migrations.index import Index, Shape, Table, indexes_of
from tailguard.record.migration import WriteKind

COLUMNS = """
SELECT a.attname, a.attnotnull, a.attidentity <> '' OR a.attgenerated <> '',
       coalesce(pg_get_expr(d.adbin, d.adrelid), '')
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
PRIMARY_KEY = """
SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = %s AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = 1
  AND a.attnotnull AND a.atttypid = ANY('{int2,int4,int8}'::regtype[])
ORDER BY i.indisprimary DESC, a.attnum LIMIT 1
"""
# A column with one of these defaults is left to it: a new row has a new key and is as old as its insert.
FRESH_DEFAULTS = ("nextval(", "now()", "CURRENT_TIMESTAMP", "clock_timestamp()", "gen_random_uuid()")
FROM_KEY = "FROM {table} WHERE {key} >= %(key)s ORDER BY {key}"
INSERT = f"INSERT INTO {{table}} ({{columns}}) SELECT {{columns}} {FROM_KEY} LIMIT {{rows}}"
UPDATE = f"UPDATE {{table}} SET {{column}} = {{value}} WHERE {{key}} = (SELECT {{key}} {FROM_KEY} LIMIT 1)"
ANOTHER = "(SELECT {column} FROM {table} WHERE {key} >= %(other)s ORDER BY {key} LIMIT 1)"
READ = f"SELECT {{columns}} {FROM_KEY} LIMIT 1"
# Multiplicative hashing (Knuth, The Art of Computer Programming 3, 6.4): scatters keys, the same in each run.
SCATTER = 2_654_435_761


@dataclass(frozen=True, slots=True)
class Statements:
    """Statements on a table. None if the table does not allow one.

    Attributes:
        low, high: the range of the primary key, or of another unique one of an integer that is never NULL.
        read: reads one row by its key.
        insert: copies one row. `insert_many` copies as many as %(rows)s says.
        update: writes a column that no index has.
        update_key: moves a row to another place in the new index.
    """

    low: int
    high: int
    read: str
    insert: str | None
    insert_many: str | None
    update: str | None
    update_key: str | None

    @property
    def writes(self) -> dict[WriteKind, str]:
        """Those that write one row, by what they do."""
        possible: tuple[tuple[WriteKind, str | None], ...] = (
            ("insert", self.insert),
            ("update", self.update),
            ("update_key", self.update_key),
        )
        return {kind: statement for kind, statement in possible if statement is not None}

    def parameters(self, number: int) -> dict[str, int]:
        """Return the parameters of an iteration: two keys, scattered over the table."""
        return {"key": self._key(number), "other": self._key(number + 1)}

    def _key(self, number: int) -> int:
        return self.low + number * SCATTER % (self.high - self.low + 1)


def statements_for(connection: Connection[Any], table: Table, *wanted: Shape) -> Statements:
    """Derive the statements, such that they hold beside the `wanted` indexes too.

    They name their columns: a column that is added changes no answer, one that goes is missed.
    Raises UsageError if the table has no integer primary key, or no rows.
    """
    row = connection.execute(PRIMARY_KEY, [table.oid]).fetchone()
    if row is None:
        raise UsageError(
            f"{table.schema}.{table.name} has no primary key of one integer column: no load can be made for it."
        )
    name, key = sql.Identifier(table.schema, table.name), sql.Identifier(row[0])
    span = connection.execute(sql.SQL("SELECT min({0}), max({0}) FROM {1}").format(key, name)).fetchone()
    if span is None or span[0] is None:
        raise UsageError(f"{table.schema}.{table.name} is empty: a proof needs rows.")
    columns = connection.execute(COLUMNS, [table.oid]).fetchall()
    copied, free, moved = _columns(columns, indexes_of(connection, table), wanted, row[0])

    def text(template: str, **parts: sql.Composable) -> str:
        return sql.SQL(template).format(table=name, key=key, **parts).as_string(connection)

    def inserting(rows: str) -> str | None:
        names = sql.SQL(", ").join(map(sql.Identifier, copied))
        return text(INSERT, columns=names, rows=sql.SQL(rows)) if copied else None

    def updating(columns: list[str], value: str) -> str | None:
        if not columns:
            return None
        column = sql.Identifier(columns[-1])
        return text(UPDATE, column=column, value=sql.SQL(value).format(table=name, key=key, column=column))

    return Statements(
        low=span[0],
        high=span[1],
        read=text(READ, columns=sql.SQL(", ").join(sql.Identifier(column) for column, *_ in columns)),
        insert=inserting("1"),
        insert_many=inserting("%(rows)s"),
        update=updating(free, "{column}"),
        update_key=updating(moved, ANOTHER),
    )


def _columns(
    columns: Sequence[tuple[str, bool, bool, str]],
    indexes: Sequence[Index],
    wanted: Sequence[Shape],
    key: str,
) -> tuple[list[str], list[str], list[str]]:
    """Return the columns that an insert copies (none if it cannot), those no index has, and the new indexes' own."""
    shapes = [*(index.shape for index in indexes), *wanted]
    unique = {column for shape in shapes if shape.unique for column in shape.columns}
    indexed = {column for shape in shapes for column in shape.columns}
    new = {column for shape in wanted for column in shape.columns}
    copied: list[str] = []
    free: list[str] = []
    moved: list[str] = []
    possible = True
    for column, not_null, generated, default in columns:
        fresh = generated or any(word in default for word in FRESH_DEFAULTS)
        if column in unique:  # left to its default or NULL, for a copy would be a duplicate
            possible = possible and (fresh or not not_null)
        elif not fresh:
            copied.append(column)
        if column not in indexed and not generated:
            free.append(column)
        if column in new and column not in unique and column != key and not generated:
            moved.append(column)
    return (copied if possible else []), free, moved

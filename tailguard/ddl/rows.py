"""Rows of your tables, copied: those that a file touches, and those that their foreign keys refer to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from psycopg import Connection, sql
from psycopg.errors import Error

TABLE = """
SELECT c.oid, n.nspname, c.relname, greatest(c.reltuples, 0)::int8
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = pg_catalog.to_regclass(%s) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""
COLUMNS = """
SELECT attname FROM pg_catalog.pg_attribute
WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
"""
# A table that refers to itself needs no second copy.
REFERENCES = """
SELECT confrelid::regclass::text,
       ARRAY(SELECT attname FROM pg_catalog.pg_attribute JOIN unnest(conkey) WITH ORDINALITY k (n, i) ON n = attnum
             WHERE attrelid = conrelid ORDER BY i),
       ARRAY(SELECT attname FROM pg_catalog.pg_attribute JOIN unnest(confkey) WITH ORDINALITY k (n, i) ON n = attnum
             WHERE attrelid = confrelid ORDER BY i)
FROM pg_catalog.pg_constraint WHERE conrelid = %s AND contype = 'f' AND confrelid <> conrelid
"""
SERIALS = """
SELECT a.attname, pg_catalog.pg_get_serial_sequence(%(name)s, a.attname) FROM pg_catalog.pg_attribute a
WHERE a.attrelid = pg_catalog.to_regclass(%(name)s) AND a.attnum > 0 AND NOT a.attisdropped
  AND pg_catalog.pg_get_serial_sequence(%(name)s, a.attname) IS NOT NULL
"""
# The same rows whenever they are asked for: no scan begins where another one is, none is shared by workers.
SAME_ROWS = "SET synchronize_seqscans = off; SET max_parallel_workers_per_gather = 0"
FIRST = "(SELECT tableoid, ctid FROM {} LIMIT {})"
REFERRED_BY = "SELECT {} FROM {} WHERE (tableoid, ctid) IN ({})"
AMONG = "(SELECT tableoid, ctid FROM {2} WHERE ({0}) IN ({1}))"
MOST_DEEP = 5


@dataclass(slots=True)
class _Chosen:
    """A table of yours and the rows of it that are copied, each as a query for their places."""

    oid: int
    table: sql.Identifier
    rows: int  # of the whole table, as the planner estimates them
    places: list[sql.Composed] = field(default_factory=list)


def copy_rows(
    yours: Connection[Any], ours: Connection[Any], tables: Sequence[str], rows: int
) -> tuple[dict[str, int], list[str]]:
    """Copy up to `rows` rows of each table, and those that they refer to.

    Returns how many each of yours has, as the planner estimates them, and what could not be copied.
    """
    yours.execute(SAME_ROWS)
    chosen: dict[str, _Chosen] = {}
    with yours.transaction():
        yours.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for name in tables:
            _choose(yours, chosen, name, lambda table: sql.SQL(FIRST).format(table, sql.Literal(rows)))
        left_out = [why for name, each in chosen.items() for why in _copy(yours, ours, name, each)]
    return {name: each.rows for name, each in chosen.items()}, left_out


def _choose(
    yours: Connection[Any],
    chosen: dict[str, _Chosen],
    name: str,
    places_in: Callable[[sql.Identifier], sql.Composed],
    deep: int = MOST_DEEP,
) -> None:
    """Choose rows of a table and those that they refer to; none of what the file makes, or a parent's copy fills."""
    row = yours.execute(TABLE, [name]).fetchone()
    if row is None:
        return
    oid, schema, table, estimate = row
    found = chosen.setdefault(name, _Chosen(oid, sql.Identifier(schema, table), estimate))
    places = places_in(found.table)
    found.places.append(places)
    for parent, keys, referred in yours.execute(REFERENCES, [oid]).fetchall() if deep else ():
        refer = sql.SQL(REFERRED_BY).format(_names(keys), found.table, places)
        wanted = partial(sql.SQL(AMONG).format, _names(referred), refer)
        _choose(yours, chosen, parent, wanted, deep - 1)


def _copy(yours: Connection[Any], ours: Connection[Any], name: str, chosen: _Chosen) -> list[str]:
    """Copy rows; the next new one gets a number above them."""
    names, table = (
        _names(_columns(yours, chosen.oid)),
        sql.SQL(name),
    )  # as regclass writes it: quoted if need be
    places = sql.SQL(" UNION ").join(chosen.places)
    out = sql.SQL("COPY (SELECT {} FROM {} WHERE (tableoid, ctid) IN ({})) TO STDOUT").format(
        names, chosen.table, places
    )
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(table, names)
    try:
        with yours.cursor().copy(out) as read, ours.cursor().copy(into) as write:
            for data in read:
                write.write(data)
        for column, sequence in ours.execute(SERIALS, {"name": name}).fetchall():
            highest = sql.SQL("SELECT pg_catalog.setval(%s, max({})) FROM {}")
            ours.execute(highest.format(sql.Identifier(column), table), [sequence])
    except Error as error:
        return [f"rows of {name}: {error.diag.message_primary or error}"]
    return []


def _columns(connection: Connection[Any], oid: int) -> tuple[str, ...]:
    return tuple(str(name) for (name,) in connection.execute(COLUMNS, [oid]))


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))

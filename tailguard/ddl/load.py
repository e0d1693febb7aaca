"""What clients work on while a step is tried: the tables that it locks, and what can be executed there."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql

from tailguard.base.errors import UsageError
from tailguard.ddl.trial import Load
from tailguard.judge.proof.lock_words import strongest
from tailguard.migrations.index import Table, indexes_of
from tailguard.migrations.kinds.safe import TableFacts
from tailguard.postgres.database import Database
from tailguard.proofs.load.generator import Request, Requests, requests_on
from tailguard.proofs.load.own import OwnLoad, OwnStatement, tried
from tailguard.proofs.load.statements import PRIMARY_KEY, Statements, statements_for
from tailguard.record.ddl import HeldLock

MOST_TABLES = 3
# Those that only read are on no table that a step changes, and its lock keeps nobody waiting.
READING = ("AccessShareLock",)
TABLE = """
SELECT c.oid, n.nspname, c.relname, greatest(c.reltuples, 0)::bigint FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = pg_catalog.to_regclass(%s) AND c.relkind IN ('r', 'p')
"""
PARENT = "SELECT inhparent::regclass::text FROM pg_catalog.pg_inherits WHERE inhrelid = %s"
TYPES = """
SELECT attname, pg_catalog.format_type(atttypid, atttypmod) FROM pg_catalog.pg_attribute
WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped
"""
# Whatever hangs on a column: a default, an index, a key, a view, a trigger of its own, NOT NULL.
BOUND = """
SELECT a.attname,
       pg_catalog.concat_ws(', ', string_agg(DISTINCT d.what, ', '), CASE WHEN attnotnull THEN 'NOT NULL' END)
FROM pg_catalog.pg_attribute a LEFT JOIN LATERAL (
    SELECT pg_catalog.pg_describe_object(classid, objid, objsubid) AS what FROM pg_catalog.pg_depend
    WHERE refclassid = 'pg_catalog.pg_class'::regclass AND refobjid = a.attrelid AND refobjsubid = a.attnum
) d ON true
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped AND (d.what IS NOT NULL OR a.attnotnull)
GROUP BY a.attname, a.attnotnull
"""
PARTITIONS = """
SELECT inhrelid::regclass::text FROM pg_catalog.pg_inherits JOIN pg_catalog.pg_class c ON c.oid = inhparent
WHERE inhparent = %s AND c.relkind = 'p' ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class FoundLoad:
    """The load, the names of its tables before the step, and what of it could not be made."""

    load: Load
    tables: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def find_load(
    before: Database,
    after: Database,
    locks: Sequence[HeldLock],
    named: Sequence[str],
    unused: Collection[str],
    own: Sequence[OwnStatement] = (),
    *,
    released: bool = False,
) -> FoundLoad:
    """Derive what clients do on the tables that were locked or are `named`, but for those that no client uses yet.

    A lock of a moment may not have been seen. What a step makes unique they do not copy. `released` clients name no
    column that the step takes away. With statements of one's `own` none are derived, and only those are executed that
    can be before the step, or after it if it was `released`.
    """
    wanted = dict.fromkeys([*strongest(_writing(locks)), *named])
    roots = _roots(before, [each for each in wanted if each not in unused])[:MOST_TABLES]
    with before.connect() as connection, after.connect() as later:
        tables = {name: table for name in roots if (table := _table(connection, name)) is not None}
        if own:
            found = tried(later if released else connection, own)
            requests, left_out = _own_requests(found), [*found.left_out]
        else:
            requests, tables, left_out = _derived(connection, later, tables, released=released)
    names = tuple(sql.Identifier(table.schema, table.name) for table in tables.values())
    load = Load(requests, names)
    return FoundLoad(load, tuple(tables) if requests.writing or requests.reading else (), tuple(left_out))


def _derived(
    connection: Connection[Any], later: Connection[Any], tables: Mapping[str, Table], *, released: bool
) -> tuple[Requests, dict[str, Table], list[str]]:
    """Return the requests, the tables that they are for, and what could not be made."""
    statements: dict[str, Statements] = {}
    left_out: list[str] = []
    for name, table in tables.items():
        new = _table(later, name)
        shapes = [index.shape for index in indexes_of(later, new)] if new is not None else []
        place, of = (later, new) if released and new is not None else (connection, table)
        try:
            statements[name] = statements_for(place, of, *shapes)
        except UsageError as error:
            left_out.append(str(error))
            continue
        if statements[name].insert is None:
            left_out.append(f"{name}: a copied row would break a unique key, so there are no inserts.")
    told = {f" {name}" if len(statements) > 1 else "": one for name, one in statements.items()}
    return requests_on(told), {name: tables[name] for name in statements}, left_out


def _own_requests(found: OwnLoad) -> Requests:
    def requests(statements: Sequence[OwnStatement]) -> list[Request]:
        return [Request(each.where, each.sql, each) for each in statements]

    return Requests(requests(found.writing), requests(found.reading))


def facts_of(database: Database, name: str) -> TableFacts:
    """Return what the catalogue says of a table, for its safe way; nothing of one that is not there."""
    with database.connect() as connection:
        table = _table(connection, name) if name else None  # a statement that names none, such as DROP INDEX
        if table is None:
            return TableFacts()
        key = connection.execute(PRIMARY_KEY, [table.oid]).fetchone()
        types = dict(connection.execute(TYPES, [table.oid]).fetchall())
        partitions = [str(child) for (child,) in connection.execute(PARTITIONS, [table.oid])]
        bound = dict(connection.execute(BOUND, [table.oid]).fetchall())
    return TableFacts(str(key[0]) if key else "", types, partitions, bound)


def _writing(locks: Sequence[HeldLock]) -> list[HeldLock]:
    return [lock for lock in locks if lock.mode not in READING]


def _table(connection: Connection[Any], name: str) -> Table | None:
    """Return a table that rows can be in, a partitioned one too; None if there is none of that name."""
    row = connection.execute(TABLE, [name]).fetchone()
    return None if row is None else Table(*row)


def _roots(database: Database, names: Sequence[str]) -> list[str]:
    """Return the tables without the partitions of others among them: a partition is reached through its parent."""
    with database.connect() as connection:
        found = {name: table for name in names if (table := _table(connection, name)) is not None}
        first = {table.oid: name for name, table in reversed(found.items())}  # one may be named in two ways
        tables = {name: table for name, table in found.items() if first[table.oid] == name}
        parents = {
            name: {str(parent) for (parent,) in connection.execute(PARENT, [table.oid])}
            for name, table in tables.items()
        }
    return [name for name in tables if not parents[name] & {*tables}]

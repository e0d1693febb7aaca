"""The state of an index, read from the catalogue: is it there, is it usable, is it the one that was asked for?"""

from dataclasses import dataclass
from typing import Any

from psycopg import Connection, Rollback, errors, sql

from tailguard.base.errors import UsageError
from tailguard.migrations.text.lexer import tokens
from tailguard.migrations.text.sql import IndexStatement, folded, name_parts
from tailguard.postgres.session import users_path

INDEX_ROWS = """
SELECT c.oid, n.nspname, c.relname, i.indisvalid, i.indisready, i.indisunique,
       pg_catalog.split_part(pg_catalog.pg_get_indexdef(c.oid), ' USING ', 2),
       ARRAY(SELECT pg_catalog.pg_get_indexdef(c.oid, k, false)
             FROM pg_catalog.generate_series(1, i.indnatts) k ORDER BY k),
       i.indnkeyatts, i.indoption::int2[], i.indclass::oid[], i.indcollation::oid[],
       am.amname, pg_catalog.pg_get_expr(i.indpred, i.indrelid), pg_catalog.pg_relation_size(c.oid),
       (SELECT pg_catalog.format('the constraint %%I of %%s', k.conname, k.conrelid::regclass)
        FROM pg_catalog.pg_constraint k WHERE k.conindid = c.oid ORDER BY k.contype = 'f' LIMIT 1),
       (SELECT pg_catalog.format('the partitioned index %%s', h.inhparent::regclass)
        FROM pg_catalog.pg_inherits h WHERE h.inhrelid = c.oid)
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_am am ON am.oid = c.relam
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE i.indrelid = %s
ORDER BY c.relname
"""
NAMED = """
SELECT c.oid::regclass::text, c.relkind, i.indrelid, i.indrelid::regclass::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
WHERE n.nspname = %s AND c.relname = %s
"""
KINDS = {"r": "a table", "p": "a table", "v": "a view", "m": "a materialized view", "S": "a sequence"}
PLAIN_TABLES = ("r", "m")
# pg_index.indoption: bit 0 is DESC, bit 1 is NULLS FIRST. A column read backward has both flipped.
BACKWARD = 0b11


@dataclass(frozen=True, slots=True)
class Table:
    """A table as found through the search path."""

    oid: int
    schema: str
    name: str
    rows: int  # the planner's estimate


@dataclass(frozen=True, slots=True)
class Shape:
    """What an index indexes. `definition` is PostgreSQL's own words from USING on: equal words, equal index."""

    definition: str
    unique: bool
    method: str
    predicate: str | None
    keys: tuple[tuple[str, int, int], ...]  # column or expression, operator class, collation
    options: tuple[int, ...]  # pg_index.indoption of each key
    columns: tuple[str, ...]  # keys and INCLUDE columns


@dataclass(frozen=True, slots=True)
class Index:
    """One index of a table. Without `valid` the planner ignores it; with `ready` writes pay for it all the same."""

    oid: int
    schema: str
    name: str
    valid: bool
    ready: bool
    shape: Shape
    size_bytes: int
    needed_by: str = ""  # a constraint or a partitioned index that cannot do without it

    @property
    def usable(self) -> bool:
        """Whether the planner may use it and every write maintains it."""
        return self.valid and self.ready


@dataclass(frozen=True, slots=True)
class Equivalent:
    """An index that already serves what a new one would; the first `equality` keys must be compared with `=`."""

    name: str
    definition: str
    equality: int
    backward: bool


def find_table(connection: Connection[Any], name: str) -> Table:
    """Return the table called `name`, as written in SQL. Raises UsageError if no index can be built on it."""
    try:
        with users_path(connection):
            found = connection.execute(
                "SELECT pg_catalog.to_regclass(%s)::oid, pg_catalog.current_schemas(false)", [name]
            ).fetchone()
    except errors.InsufficientPrivilege as error:
        schema, user = name_parts(name)[0], connection.info.user
        raise UsageError(
            f"The role {user} cannot see {name} ({error.diag.message_primary}): GRANT USAGE ON SCHEMA {schema} TO"
            f' "{user}".'
        ) from error
    assert found is not None  # the query always has one row
    oid, schemas = found
    row = connection.execute(
        "SELECT n.nspname, c.relname, greatest(c.reltuples, 0)::bigint, c.relkind"
        " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = %s",
        [oid],
    ).fetchone()
    if row is None:
        raise UsageError(
            f"There is no table {name} in the schemas {', '.join(schemas) or '(none)'}. Name its schema with --schema."
        )
    schema, table, rows, kind = row
    if kind not in PLAIN_TABLES:
        raise UsageError(
            f"{schema}.{table} is a {'partitioned table' if kind == 'p' else 'relation without indexes'}: CONCURRENTLY"
            " is refused there. Build on each partition, then attach."
        )
    return Table(oid, schema, table, rows)


def indexes_of(connection: Connection[Any], table: Table) -> list[Index]:
    """Return all indexes of a table, in order of their names."""
    return [_index(row) for row in connection.execute(INDEX_ROWS, [table.oid])]


def find_index(connection: Connection[Any], table: Table, written: str) -> Index | None:
    """Return the index on this table that `written` names in SQL, or None."""
    name = catalogue_name(connection, written)
    return next((index for index in indexes_of(connection, table) if index.name == name), None)


def catalogue_name(connection: Connection[Any], written: str) -> str:
    """Return a name as the server folds and shortens it, which depends on its encoding."""
    row = connection.execute("SELECT (pg_catalog.parse_ident(%s))[1]::name", [written]).fetchone()
    assert row is not None  # a function always has a value
    return str(row[0])


def name_taken(connection: Connection[Any], table: Table, written: str) -> str:
    """Say what bears the name in the table's schema if it is not an index of the table; empty if nothing does."""
    row = connection.execute(NAMED, [table.schema, catalogue_name(connection, written)]).fetchone()
    if row is None or row[2] == table.oid:
        return ""
    name, kind, _, of = row
    return f"{name} is {f'an index of {of}' if of else KINDS.get(kind, 'another relation')}"


class UnknownShapeError(UsageError):
    """PostgreSQL cannot be asked what a statement would index."""


def wanted_shape(connection: Connection[Any], table: Table, build: IndexStatement) -> Shape:
    """Return the shape that `build` asks for, in PostgreSQL's words.

    PostgreSQL is asked itself: the index is built on an empty temporary copy, in a transaction that is rolled back.
    Raises psycopg.Error if the statement is wrong (a column that does not exist), UnknownShapeError if that copy cannot
    be made or cannot stand for the table.
    """
    try:
        return _built_on_copy(connection, table, build)
    except errors.ReadOnlySqlTransaction as error:
        raise UnknownShapeError(
            "this server or session only reads: no copy can be made to compare with"
        ) from error
    except errors.InsufficientPrivilege as error:
        why = f"this role may not copy the table to compare with ({error.diag.message_primary})"
        raise UnknownShapeError(why) from error
    except (errors.UndefinedFunction, errors.UndefinedColumn, errors.UndefinedTable) as error:
        if not _names_its_table(build, table):
            raise
        raise UnknownShapeError("it indexes whole rows, whose type no copy of the table has") from error


def _names_its_table(build: IndexStatement, table: Table) -> bool:
    """Whether a key such as full_name(people) takes the whole row."""
    shape = "".join(token.text for token in tokens(build.shape) if not token.text.startswith("'"))
    return any(folded(word) == table.name for word in name_parts(shape))


def _built_on_copy(connection: Connection[Any], table: Table, build: IndexStatement) -> Shape:
    copy = sql.Identifier("pg_temp", "tailguard_shape")
    with connection.transaction():
        connection.execute(
            sql.SQL("CREATE TEMPORARY TABLE tailguard_shape (LIKE {})").format(
                sql.Identifier(table.schema, table.name)
            )
        )
        unique = sql.SQL("UNIQUE " if build.unique else "")
        shape = sql.SQL(build.shape)
        with users_path(connection):
            connection.execute(sql.SQL("CREATE {}INDEX ON {} {}").format(unique, copy, shape))
        row = connection.execute("SELECT 'pg_temp.tailguard_shape'::regclass::oid").fetchone()
        assert row is not None
        row = connection.execute(INDEX_ROWS, row).fetchone()
        assert row is not None  # the index was just created
        raise Rollback
    return _index(row).shape


def equivalents(indexes: list[Index], wanted: Shape) -> list[Equivalent]:
    """Return the usable indexes of the same rows that begin with the wanted keys, in directions that a scan can turn.

    An index read backward has every direction reversed. Keys before the point from which the directions agree (or are
    all reversed) must be compared with `=`: their order is then of no account.
    """
    found = [(index, _turn(index.shape, wanted)) for index in indexes if index.usable]
    return [
        Equivalent(index.name, index.shape.definition, *turn) for index, turn in found if turn is not None
    ]


def _turn(shape: Shape, wanted: Shape) -> tuple[int, bool] | None:
    """Return (keys compared with =, read backward) with which `shape` serves `wanted`, or None."""
    if not _covers(shape, wanted):
        return None
    flips = [have ^ want for have, want in zip(shape.options, wanted.options, strict=False)]
    if flips[-1] not in (0, BACKWARD):
        return None
    equality = len(wanted.keys)
    while equality and flips[equality - 1] == flips[-1]:
        equality -= 1
    return equality, flips[-1] == BACKWARD


def _covers(shape: Shape, wanted: Shape) -> bool:
    """Whether `shape` has the wanted keys, columns and rows, whatever the directions."""
    if wanted.unique and (shape.unique, shape.definition) != (True, wanted.definition):
        return False
    # A full index finds the rows of a partial one, and reads all others with them: of a queue, nearly all.
    if (shape.method, shape.predicate) != (wanted.method, wanted.predicate):
        return False
    return shape.keys[: len(wanted.keys)] == wanted.keys and set(wanted.columns) <= set(shape.columns)


def _index(row: tuple[Any, ...]) -> Index:
    (
        oid,
        schema,
        name,
        valid,
        ready,
        unique,
        definition,
        columns,
        width,
        options,
        classes,
        collations,
        *rest,
    ) = row
    method, predicate, size, constraint, parent = rest
    keys = tuple(zip(columns[:width], classes, collations, strict=False))
    shape = Shape(definition, unique, method, predicate, keys, tuple(options), tuple(columns))
    return Index(oid, schema, name, valid, ready, shape, size, constraint or parent or "")

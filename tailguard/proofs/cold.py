"""A query whose blocks are not in the server's cache: evicted before each execution, if the server can do that.

The operating system's cache stays warm: this is the cost of a miss in shared_buffers, not of a disk.
"""

from typing import Any

import psycopg
from psycopg import Connection, sql

from tailguard.base.errors import TailguardError
from tailguard.engine.quantiles import estimate
from tailguard.judge.proof.plan import parse_plan
from tailguard.migrations.index import Table, indexes_of
from tailguard.migrations.text.query import Query
from tailguard.postgres.explain import explain
from tailguard.record.migration import ColdTime

REPEATS = 8  # the least that has a 99 % interval of the median
EVICT = "pg_buffercache_evict_relation"
FUNCTION_OF_EXTENSION = """
SELECT space.nspname FROM pg_catalog.pg_extension extension
JOIN pg_catalog.pg_depend member ON member.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
  AND member.refobjid = extension.oid AND member.deptype = 'e'
  AND member.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
JOIN pg_catalog.pg_proc function ON function.oid = member.objid
JOIN pg_catalog.pg_namespace space ON space.oid = function.pronamespace
WHERE extension.extname = %(extension)s AND function.proname = %(function)s
"""
NEEDED = "needs PostgreSQL 18 and its extension pg_buffercache, as a superuser"


class CannotEvictError(TailguardError):
    """The server cannot take blocks out of its cache."""


def measure_cold(
    connection: Connection[Any], table: Table, query: Query, *, create: bool = False, repeats: int = REPEATS
) -> ColdTime:
    """Execute a query `repeats` times, evicting its table and indexes before each.

    `create`: make the extension if it is missing, on embedded servers only. Raises CannotEvictError.
    """
    try:
        schema = _extension_schema(connection, create=create)
        times_ms, read = [], 0
        for _ in range(repeats):
            _evict(connection, schema, table)
            plan = parse_plan(explain(connection, query.sql, query.parameters))
            times_ms.append(plan.execution_ms or 0.0)
            read = plan.root.blocks.read
    except psycopg.Error as error:
        raise CannotEvictError(f"{NEEDED}: {error.diag.message_primary or error}") from error
    return ColdTime(server_ms=estimate(times_ms, 0.5), blocks_read=read)


def _extension_schema(connection: Connection[Any], *, create: bool) -> str:
    """Return the schema of the extension's function that evicts a relation: anybody may make one of that name."""
    if create:
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_buffercache SCHEMA public")
    row = connection.execute(
        FUNCTION_OF_EXTENSION, {"function": EVICT, "extension": "pg_buffercache"}
    ).fetchone()
    if row is None:
        raise CannotEvictError(NEEDED)
    return str(row[0])


def _evict(connection: Connection[Any], schema: str, table: Table) -> None:
    function = sql.Identifier(schema, EVICT)
    for oid in (table.oid, *(index.oid for index in indexes_of(connection, table))):
        connection.execute(sql.SQL("SELECT {}(%s::pg_catalog.regclass)").format(function), [oid])

"""A query whose blocks are not in the server's cache: evicted before each execution, where the server can do that.

The operating system's cache stays warm: this is the cost of a miss in shared_buffers, not of a disk.
"""

from typing import Any

import psycopg
from psycopg import Connection, sql

from tailguard.migrations.index import Table, indexes_of
from tailguard.migrations.migration import Query
from tailguard.proofs.evidence.query import spread
from tailguard.record.plan import explain

REPEATS = 8  # the least that has a 99 % interval of the median
EVICT = "pg_buffercache_evict_relation"
NEEDED = "needs PostgreSQL 18 and its extension pg_buffercache, as a superuser"


def measure_cold(
    connection: Connection[Any], table: Table, query: Query, *, create: bool = False, repeats: int = REPEATS
) -> dict[str, Any]:
    """Return {"server_ms": median with interval, "blocks_read"}, or {"absent": why} where the server cannot evict.

    `create`: make the extension where it lacks, which is for servers of ours only.
    """
    try:
        schema = _extension_schema(connection, create=create)
        if schema is None:
            return {"absent": NEEDED}
        times_ms, read = [], 0
        for _ in range(repeats):
            _evict(connection, schema, table)
            plan = explain(connection, query.sql, query.parameters)
            times_ms.append(plan.execution_ms or 0.0)
            read = plan.root.blocks[1]
    except psycopg.Error as error:
        return {"absent": f"{NEEDED}: {error.diag.message_primary or error}"}
    return {"server_ms": spread(times_ms), "blocks_read": read}


def _extension_schema(connection: Connection[Any], *, create: bool) -> str | None:
    """Return where the function is that evicts a relation; None where there is none."""
    if create:
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_buffercache SCHEMA public")
    row = connection.execute(
        "SELECT pronamespace::regnamespace::text FROM pg_proc WHERE proname = %s", [EVICT]
    ).fetchone()
    return None if row is None else str(row[0])


def _evict(connection: Connection[Any], schema: str, table: Table) -> None:
    function = sql.Identifier(schema, EVICT)
    for oid in (table.oid, *(index.oid for index in indexes_of(connection, table))):
        connection.execute(sql.SQL("SELECT {}(%s::regclass)").format(function), [oid])

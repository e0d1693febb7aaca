"""How the gain grows with the table: one row per size, warm and cold, with the index and without it."""

from typing import Any

import psycopg

from tailguard.migrations.index import Table, find_table
from tailguard.migrations.migration import Migration
from tailguard.migrations.runner import Runner
from tailguard.migrations.text.query import Query
from tailguard.postgres.database import Database
from tailguard.proofs.cold import CannotEvictError, measure_cold
from tailguard.proofs.proof import Evidence
from tailguard.record.migration import GrowthRow, GrowthSide, QueryEvidence

SIZES = (90_000, 900_000)
LARGEST = 9_000_000  # larger than the cache of an embedded server: minutes, so only if it is asked for


def growth_row(database: Database, migration: Migration, evidence: Evidence, runner: Runner) -> GrowthRow:
    """Return one size's row from the `evidence` of a migration whose index is in place; measures the cold times.

    Leaves the index as it found it: built.
    """
    ours = database.source != "yours"
    with database.connect() as connection:
        table = find_table(connection, migration.build.table)
        size = connection.execute("SELECT pg_table_size(%s::regclass)", [table.oid]).fetchone()
        after = _side(connection, table, migration.query, evidence.after, ours=ours)
        runner.revert(migration)
        before = _side(connection, table, migration.query, evidence.before, ours=ours)
        runner.apply(migration, allow_equivalent=True)
    return GrowthRow(
        rows=evidence.rows,
        table_bytes=None if size is None else size[0],
        index_bytes=evidence.index_bytes,
        build_s=evidence.build_s,
        before=before,
        after=after,
    )


def _side(
    connection: psycopg.Connection[Any], table: Table, query: Query, warm: QueryEvidence, *, ours: bool
) -> GrowthSide:
    try:
        cold, absent = measure_cold(connection, table, query, create=ours), ""
    except CannotEvictError as error:
        cold, absent = None, str(error)
    return GrowthSide(server_ms=warm.server_ms, blocks=warm.blocks, cold=cold, cold_absent=absent)

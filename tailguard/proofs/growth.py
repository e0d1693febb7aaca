"""How the gain grows with the table: one row a size, warm and cold, with the index and without it."""

from collections.abc import Mapping
from typing import Any

from tailguard.migrations.index import find_table
from tailguard.migrations.migration import Migration
from tailguard.migrations.runner import Runner
from tailguard.postgres.database import Database
from tailguard.proofs.cold import measure_cold

SIZES = (90_000, 900_000)
LARGEST = 9_000_000  # larger than the cache of an embedded server: minutes, so only where it is asked for
# Of a proof's record, what a row of the table is made of.
KEPT = ("server_ms", "blocks")


def growth_row(
    database: Database, migration: Migration, record: Mapping[str, Any], runner: Runner
) -> dict[str, Any]:
    """Return one size's row from a migration's `record`, whose index is in place; cold times are measured here.

    Leaves the index as it found it: built.
    """
    with database.connect() as connection:
        table = find_table(connection, migration.build.table)
        size = connection.execute("SELECT pg_table_size(%s::regclass)", [table.oid]).fetchone()
        ours = database.source != "yours"
        after = measure_cold(connection, table, migration.query, create=ours)
        runner.revert(migration)
        before = measure_cold(connection, table, migration.query, create=ours)
        runner.apply(migration, allow_equivalent=True)
    return {
        "rows": record["rows"],
        "table_bytes": None if size is None else size[0],
        "index_bytes": record["index_bytes"],
        "build_s": record["build_s"],
        "before": {key: record["before"][key] for key in KEPT} | {"cold": before},
        "after": {key: record["after"][key] for key in KEPT} | {"cold": after},
    }

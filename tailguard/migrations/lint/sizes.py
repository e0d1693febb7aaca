"""How large the tables are that a finding is about: what a scan of a small table is, is none of a large one's."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from psycopg import Connection

from tailguard.base.text_format import byte_size, count
from tailguard.migrations.lint.finding import Finding

# Of a partitioned table, all of its partitions.
SIZE = """
SELECT c.relkind = 'p', sum(greatest(p.reltuples, 0))::int8, sum(pg_catalog.pg_total_relation_size(p.oid))::int8
FROM pg_catalog.pg_class c
LEFT JOIN LATERAL pg_catalog.pg_partition_tree(c.oid) t ON t.isleaf
JOIN pg_catalog.pg_class p ON p.oid = coalesce(t.relid, c.oid)
WHERE c.oid = pg_catalog.to_regclass(%s) GROUP BY 1
"""


def with_sizes(connection: Connection[Any], findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield the findings with the size of their table, as the planner estimates its rows."""
    known: dict[str, str] = {}
    for one in findings:
        if one.table and one.table not in known:
            known[one.table] = _told(connection, one.table)
        yield replace(one, message=f"{one.message} {known[one.table]}") if one.table else one


def _told(connection: Connection[Any], table: str) -> str:
    row = connection.execute(SIZE, [table]).fetchone()
    if row is None:
        return f"This database has no table {table}."
    partitioned, rows, total = row
    together = ", all partitions together" if partitioned else ""
    return f"{table} has about {count(rows)} rows in {byte_size(total)}{together}."

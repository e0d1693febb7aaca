"""Indexes that may help and those that may go, by plans and by the catalogue: what is then tried on a copy."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from tailguard.ddl.suggest.plans import Scan, Table
from tailguard.migrations.text.sql import LONGEST_NAME, NAME, cut, folded
from tailguard.postgres.session import quoted
from tailguard.record.ddl import MANY_ROWS

LARGE = """
SELECT c.reltuples >= %s AND NOT c.relispartition FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s AND c.relkind = 'r'
"""
# Of each index its columns in order, "" for an expression.
LEADING = """
SELECT ARRAY(SELECT coalesce(a.attname::text, '') FROM unnest(i.indkey) WITH ORDINALITY k (n, o)
             LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n ORDER BY k.o)
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND i.indisvalid AND i.indpred IS NULL
"""
# Not those that a constraint, a replica or a partitioned index needs.
REMOVABLE = """
WITH own AS (
  SELECT i.*, x.nspname, t.relname AS on_table, c.relname AS index, c.relam,
         i.indisunique OR i.indisreplident OR i.indisclustered
         OR EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid)
         OR EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid = i.indexrelid) AS needed,
         coalesce(s.idx_scan, 0) AS scans
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_class t ON t.oid = i.indrelid AND t.relkind = 'r'
  JOIN pg_catalog.pg_namespace x ON x.oid = t.relnamespace
  LEFT JOIN pg_catalog.pg_stat_all_indexes s ON s.indexrelid = i.indexrelid
  WHERE i.indisvalid AND x.nspname = ANY (pg_catalog.current_schemas(false))
)
SELECT nspname, on_table, index, pg_catalog.pg_relation_size(indexrelid), scans,
       (SELECT b.index FROM own b
        WHERE b.indrelid = a.indrelid AND b.indexrelid <> a.indexrelid AND b.relam = a.relam
          AND num_nulls(a.indpred, b.indpred, a.indexprs, b.indexprs) = 4 AND a.indnatts = a.indnkeyatts
          AND (b.indkey::text || ' ') LIKE (a.indkey::text || ' %')
          AND (b.indclass::text || ' ') LIKE (a.indclass::text || ' %')
          AND (b.indcollation::text || ' ') LIKE (a.indcollation::text || ' %')
          AND (b.indoption::text || ' ') LIKE (a.indoption::text || ' %')
          AND (b.indnkeyatts > a.indnkeyatts OR b.needed OR b.indexrelid < a.indexrelid)
        ORDER BY b.index LIMIT 1) AS instead
FROM own a WHERE NOT needed ORDER BY 4 DESC
"""
MOST_REMOVED = 5
KEY = re.compile(NAME, re.ASCII)
NOT_BARE = re.compile(r"\W+")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An index that may help; `keys` as SQL has them, with DESC."""

    table: Table
    keys: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name that it is given."""
        words = [self.table[1], *map(column_of, self.keys)]
        return cut(NOT_BARE.sub("_", "_".join(words)), LONGEST_NAME - len("_idx")) + "_idx"

    def statement(self, table: str) -> str:
        """Write it for a table that is called so."""
        return f"CREATE INDEX CONCURRENTLY {quoted_if_need_be(self.name)} ON {table} ({', '.join(self.keys)})"


@dataclass(frozen=True, slots=True)
class Removable:
    """An index that may go, why, and its bytes on your server. `instead` has all of its columns, "" if it is unused."""

    table: Table
    name: str
    size_bytes: int
    instead: str

    @property
    def why(self) -> str:
        return f"{self.instead} begins with the same columns" if self.instead else "it was never used"


def candidates(connection: Connection[Any], scans: Sequence[Scan]) -> Iterator[Candidate]:
    """Yield what may help these scans, each once, unless an index begins like it or the table is small."""
    seen: set[Candidate] = set()
    for scan in scans:
        large = connection.execute(LARGE, [MANY_ROWS, *scan.table]).fetchone()
        if large is None or not large[0]:
            continue
        there = [tuple(row[0]) for row in connection.execute(LEADING, scan.table)]
        for keys in scan.wanted():
            names = tuple(map(column_of, keys))
            found = Candidate(scan.table, keys)
            if found not in seen and not any(each[: len(names)] == names for each in there):
                seen.add(found)
                yield found


def removable(connection: Connection[Any]) -> list[Removable]:
    """Return the largest indexes on the search path that are unused, or that another one could replace."""
    rows = connection.execute(REMOVABLE).fetchall()
    found = [
        Removable((schema, table), index, size, instead or "")
        for schema, table, index, size, scans, instead in rows
        if instead or not scans
    ]
    return found[:MOST_REMOVED]


def column_of(key: str) -> str:
    """Return the column of an index's key, as the catalogue has it."""
    match = KEY.match(key)
    assert match is not None  # a key begins with a name
    return folded(match[0])


def quoted_if_need_be(name: str) -> str:
    """Write a name as SQL has it."""
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else quoted(name)

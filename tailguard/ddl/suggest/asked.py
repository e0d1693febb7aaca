"""The queries that indexes are looked for: those that cost a server most, or those of a file, with values to try."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection, sql

from tailguard.base.errors import UsageError
from tailguard.ddl.suggest.plans import compared_parameters
from tailguard.migrations.checks import in_full
from tailguard.migrations.text.query import PLACEHOLDER
from tailguard.proofs.load.own import read_load
from tailguard.record.migration import Parameter

MOST_QUERIES, MOST_EXAMPLES = 10, 2
COSTLIEST = """
SELECT query, sum(calls)::int8, sum(total_exec_time)::float8 FROM {}
WHERE toplevel AND dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
  AND query ~* '^\\s*(select|with)\\M' AND query !~ 'pg_catalog|pg_stat_|information_schema|tailguard'
GROUP BY query ORDER BY 3 DESC LIMIT %s
"""
HOME = "SELECT extnamespace::regnamespace::text FROM pg_catalog.pg_extension WHERE extname = 'pg_stat_statements'"
ABSENT = (
    "pg_stat_statements is not installed in this database. Load it with shared_preload_libraries, restart, and CREATE"
    " EXTENSION pg_stat_statements; or write your queries into a file and give it with --queries."
)
READS = re.compile(r"\(*\s*(?:SELECT|WITH|VALUES|TABLE)\b", re.IGNORECASE)
WRITES = re.compile(r"\b(?:INSERT|UPDATE|DELETE|MERGE|INTO)\b", re.IGNORECASE)
COUNT = re.compile(r"\b(?P<word>LIMIT|OFFSET)\s+%\((?P<name>\w+)\)s", re.IGNORECASE)
COUNTS: Mapping[str, Parameter] = {"LIMIT": 20, "OFFSET": 0}
SAMPLE = "SELECT {} FROM {} WHERE {} ORDER BY pg_catalog.md5(ctid::text) LIMIT {}"
NO_VALUE = "no value is known for {}: write the query with one into a file, and give it with --queries"


@dataclass(frozen=True, slots=True)
class AskedQuery:
    """A query with psycopg's named parameters; `calls` and `total_ms` are those of your server, 1 and 0 of a file."""

    where: str
    sql: str
    examples: Sequence[Mapping[str, Parameter]] = ()
    calls: int = 1
    total_ms: float = 0.0

    @property
    def raw(self) -> str:
        """The text as PREPARE takes it."""
        names = {name: f"${number}" for number, name in enumerate(self.names, 1)}
        return PLACEHOLDER.sub(lambda found: names[found[1]], self.sql).replace("%%", "%")

    @property
    def names(self) -> list[str]:
        """The names of its parameters, each once, in the order of the text."""
        return [*dict.fromkeys(PLACEHOLDER.findall(self.sql))]

    @property
    def short(self) -> str:
        """One line that tells it from others."""
        flat = " ".join(self.sql.split())
        return flat if len(flat) <= 100 else f"{flat[:99]}…"  # noqa: PLR2004  # a line of a terminal, about


def from_file(path: Path) -> list[AskedQuery]:
    """Read queries as a load file has them. Raises UsageError, naming the line."""
    return [AskedQuery(one.where, one.sql, one.examples[:MOST_EXAMPLES]) for one in read_load(path)]


def from_statements(connection: Connection[Any]) -> list[AskedQuery]:
    """Read the queries that cost this database most. Raises UsageError if nobody counts them."""
    home = connection.execute(HOME).fetchone()
    if home is None:
        raise UsageError(ABSENT)
    try:
        source = sql.Identifier(str(home[0]), "pg_stat_statements")
        rows = connection.execute(sql.SQL(COSTLIEST).format(source), [MOST_QUERIES]).fetchall()
    except psycopg.Error as error:
        raise UsageError(f"pg_stat_statements cannot be read: {in_full(error)}") from error
    if not rows:
        raise UsageError(
            "pg_stat_statements has no query of this database that this role may see: grant it pg_read_all_stats, or"
            " give --queries."
        )
    return [
        AskedQuery(f"query {number}", _named(text), (), calls, total)
        for number, (text, calls, total) in enumerate(rows, 1)
    ]


def usable(connection: Connection[Any], queries: Sequence[AskedQuery]) -> tuple[list[AskedQuery], list[str]]:
    """Return those that the server can plan, and why it cannot plan the others. Nothing is executed."""
    good: list[AskedQuery] = []
    left_out: list[str] = []
    for query in queries:
        if not READS.match(query.sql) or WRITES.search(query.sql):
            left_out.append(f"{query.where} (only queries that read are measured): {query.short}")
            continue
        try:
            with connection.transaction(force_rollback=True):
                connection.execute(f"PREPARE tailguard_try AS {query.raw}".encode())
            connection.execute("DEALLOCATE tailguard_try")
            good.append(query)
        except psycopg.Error as error:
            left_out.append(f"{query.where} (SQLSTATE {error.sqlstate}: {in_full(error)}): {query.short}")
    return good, left_out


def with_examples(connection: Connection[Any], query: AskedQuery) -> AskedQuery:
    """Give a query without values some of the tables' own. Raises UsageError if one is compared with no column."""
    if query.examples or not query.names:
        return replace(query, examples=query.examples or ({},))
    known: list[dict[str, Parameter]] = [
        {found["name"]: COUNTS[found["word"].upper()] for found in COUNT.finditer(query.sql)}
        for _ in range(MOST_EXAMPLES)
    ]
    compared = compared_parameters(connection, query.raw, len(query.names))
    for table in {each.table for each in compared.values()}:
        wanted = {number: each for number, each in compared.items() if each.table == table}
        for example, row in zip(known, _rows(connection, [*wanted.values()]), strict=False):
            for (number, each), value in zip(wanted.items(), row, strict=True):
                example[query.names[number - 1]] = [value] if each.many else value
    complete = [example for example in known if set(example) == set(query.names)]
    if not complete:
        missing = [name for name in query.names if name not in known[0]]
        raise UsageError(NO_VALUE.format(", ".join(missing) or "its parameters, because its table is empty"))
    return replace(query, examples=complete)


def _rows(connection: Connection[Any], wanted: Sequence[Any]) -> list[tuple[str, ...]]:
    """Return values of columns as text, of the same few rows each time."""
    columns = [sql.Identifier(each.column) for each in wanted]
    query = sql.SQL(SAMPLE).format(
        sql.SQL(", ").join(sql.SQL("{}::text").format(each) for each in columns),
        sql.Identifier(*wanted[0].table),
        sql.SQL(" AND ").join(sql.SQL("{} IS NOT NULL").format(each) for each in columns),
        sql.Literal(MOST_EXAMPLES),
    )
    return connection.execute(query).fetchall()


def _named(text: str) -> str:
    """Write the placeholders of pg_stat_statements as psycopg's."""
    return re.sub(r"\$(\d+)", r"%(p\1)s", text.replace("%", "%%"))

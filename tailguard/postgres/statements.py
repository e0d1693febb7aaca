"""What the server did, statement by statement: pg_stat_statements read twice, and the difference.

Only statements of our own user in our own database count, and of nested ones only the outermost: it contains the rest.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection, sql

from tailguard.record.scenario import StatementCosts

EXTENSION = "pg_stat_statements"
# Our own reading is not part of what was measured. Inside of the statement: the server drops what precedes it.
MINE = "/* tailguard reads */"


class StatementsAbsentError(Exception):
    """The server does not count statements for us; the text says why and what would help."""


class StatementsRejectedError(Exception):
    """Two readings cannot be subtracted: entries were evicted or reset between them."""


@dataclass(frozen=True, slots=True)
class Reading:
    """All costs at one moment, by query id. `evicted` and `reset` tell whether an earlier reading is comparable."""

    costs: Mapping[int, StatementCosts]
    evicted: int
    reset: Any

    def since(self, earlier: "Reading") -> dict[int, StatementCosts]:
        """Return what came in between, of the statements that were executed.

        Raises StatementsRejectedError if entries were evicted or reset in between: their counts began anew.
        """
        if self.evicted != earlier.evicted:
            raise StatementsRejectedError(
                f"pg_stat_statements evicted entries {self.evicted - earlier.evicted} times meanwhile:"
                " raise pg_stat_statements.max"
            )
        if self.reset != earlier.reset:
            raise StatementsRejectedError("pg_stat_statements was reset by another session meanwhile")
        grown = {key: now - earlier.costs.get(key, StatementCosts()) for key, now in self.costs.items()}
        return {key: costs for key, costs in grown.items() if costs.calls > 0}


class Statements:
    """Reads the counts over a connection of its own, in about a millisecond."""

    def __init__(self, connection: Connection[Any], *, create: bool = False) -> None:
        """`create`: make the extension if it is missing, on embedded servers only.

        Raises StatementsAbsentError if the server does not count.
        """
        self._connection = connection
        try:
            if create:
                connection.execute(f"CREATE EXTENSION IF NOT EXISTS {EXTENSION} SCHEMA public")
            self._schema = self._find_schema()
            self.read()
        except psycopg.Error as error:
            message = (error.diag.message_primary or str(error)).strip()
            raise StatementsAbsentError(
                f"{EXTENSION} cannot be read ({message}): load it with shared_preload_libraries and restart"
            ) from error

    def read(self) -> Reading:
        """Return the counts as they are now."""
        rows = self._connection.execute(
            sql.SQL(
                "SELECT {mine} queryid, calls, rows, total_exec_time, shared_blks_hit, shared_blks_read"
                " FROM {source}(false) WHERE toplevel AND queryid IS NOT NULL AND {ours}"
            ).format(mine=sql.SQL(MINE), source=self._named(EXTENSION), ours=self._ours)
        ).fetchall()
        info = self._connection.execute(
            sql.SQL("SELECT {} dealloc, stats_reset FROM {}").format(
                sql.SQL(MINE), self._named(f"{EXTENSION}_info")
            )
        ).fetchone()
        assert info is not None  # the view has one row
        return Reading({key: _costs(*row) for key, *row in rows}, *info)

    def texts(self, keys: Iterable[int]) -> dict[int, str]:
        """Return the texts of statements, their constants replaced by $1, $2 ... by the server; without ours."""
        rows = self._connection.execute(
            sql.SQL("SELECT {} queryid, query FROM {} WHERE toplevel AND queryid = ANY(%s) AND {}").format(
                sql.SQL(MINE), self._named(EXTENSION), self._ours
            ),
            [list(keys)],
        ).fetchall()
        return {key: text for key, text in rows if MINE not in text}

    @property
    def _ours(self) -> sql.SQL:
        return sql.SQL(
            "dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_catalog)"
            " AND userid = current_user::regrole"
        )

    def _named(self, relation: str) -> sql.Identifier:
        return sql.Identifier(self._schema, relation)

    def _find_schema(self) -> str:
        row = self._connection.execute(
            "SELECT extnamespace::regnamespace::text FROM pg_catalog.pg_extension WHERE extname = %s",
            [EXTENSION],
        ).fetchone()
        if row is None:
            raise StatementsAbsentError(
                f"{EXTENSION} is not installed in this database: load it with shared_preload_libraries, restart, and"
                f" CREATE EXTENSION {EXTENSION}"
            )
        return str(row[0])


def _costs(calls: int, rows: int, exec_ms: float, hit_blocks: int, read_blocks: int) -> StatementCosts:
    return StatementCosts(
        calls=calls, rows=rows, exec_ms=exec_ms, hit_blocks=hit_blocks, read_blocks=read_blocks
    )

"""A psycopg connection with one more way to run a statement: prepared once, one call into libpq each time.

A cursor costs some 30 µs of Python a statement here, which is as much as the server's own work on a one-row update;
this costs 8. What is measured shall be the platform's database, not its driver (benchmarks/against_pgbench.py).
"""

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import pq
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result

Row = tuple[Any, ...]

TEXT = tuple([PyFormat.TEXT] * 16)  # more parameters than any statement here has
_DONE = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)


class Connection(psycopg.Connection[Row]):
    """A connection of the platform. It prepares each statement by itself and keeps it prepared."""

    def __init__(self, pgconn: Any, row_factory: Any = psycopg.rows.tuple_row) -> None:
        """As psycopg's own."""
        super().__init__(pgconn, row_factory)
        self._transformer = Transformer(self)
        self._names: dict[str, bytes] = {}

    def run(self, statement: str, *parameters: Any) -> list[Row]:
        """Run a statement with `$1` parameters and return its rows. Raises psycopg.Error with its SQLSTATE.

        Parameters travel as text and the server infers their types, so a bare one may need a cast. Blocks without
        the interpreter lock, bounded by the server's statement_timeout.
        """
        name = self._names.get(statement) or self._prepare(statement)
        values = self._transformer.dump_sequence(parameters, TEXT[: len(parameters)])
        return self._rows(self.pgconn.exec_prepared, name, values, None, pq.Format.BINARY)

    def _rows(self, call: Callable[..., pq.abc.PGresult], *values: Any) -> list[Row]:
        result = self._checked(self._call(call, *values))
        if not result.ntuples:
            return []
        self._transformer.set_pgresult(result)
        return self._transformer.load_rows(0, result.ntuples, tuple)

    def row(self, statement: str, *parameters: Any) -> Row | None:
        """Run a statement and return its first row, or None."""
        rows = self.run(statement, *parameters)
        return rows[0] if rows else None

    def _prepare(self, statement: str) -> bytes:
        name = b"deltacrown_%d" % len(self._names)
        self._checked(self._call(self.pgconn.prepare, name, statement.encode()))
        self._names[statement] = name
        return name

    def _call(self, call: Callable[..., pq.abc.PGresult], *values: Any) -> pq.abc.PGresult:
        try:
            return call(*values)
        except MemoryError:  # how psycopg says that libpq could not even send: the server has gone
            raise psycopg.OperationalError(
                f"the connection is lost: {self.pgconn.get_error_message()}"
            ) from None

    def _checked(self, result: pq.abc.PGresult) -> pq.abc.PGresult:
        if result.status not in _DONE:
            error = error_from_result(result, encoding=self.info.encoding)
            # libpq's own words about a broken connection come without a SQLSTATE, and so without a class.
            raise psycopg.OperationalError(str(error)) if self.closed and error.sqlstate is None else error
        return result

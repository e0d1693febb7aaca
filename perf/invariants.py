"""Small makers of invariants: what must hold however fast the platform was."""

from collections.abc import Iterator
from typing import LiteralString

from psycopg.errors import UndefinedColumn, UndefinedTable

import tailguard as tg
from tailguard.postgres import Reader


class Tables(Reader):
    """The platform's tables. What those of a target do not have is left out, and the run says so."""

    def __init__(self, conninfo: str, run: tg.Run) -> None:
        super().__init__(conninfo)
        self._run = run
        self._absent: list[str] = []

    def leave_out(self, invariant: str, why: Exception) -> None:
        """Note that nobody could look whether an invariant holds."""
        self._absent.append(f"{invariant} ({str(why).splitlines()[0]})")
        self._run.note("invariants_unchecked", "not checked: " + "; ".join(self._absent))


def count_is(
    database: Tables, name: str, query: LiteralString, *parameters: object, expected: int = 0
) -> Iterator[tg.Invariant]:
    """Yield the invariant that a query's single number is `expected`; none if the tables are not there."""
    try:
        yield tg.expect(name, expected, database.value(query, *parameters))
    except (UndefinedTable, UndefinedColumn) as error:
        database.leave_out(name, error)

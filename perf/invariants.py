"""Small makers of invariants: what must hold however fast the platform was."""

from collections.abc import Iterator
from typing import LiteralString

from psycopg.errors import UndefinedColumn, UndefinedTable

import tailguard as tg
from tailguard.postgres import Reader


def count_is(
    database: Reader, name: str, query: LiteralString, *parameters: object, expected: int = 0
) -> Iterator[tg.Invariant]:
    """Yield the invariant that a query's single number is `expected`; skip if the tables are not there."""
    try:
        yield tg.expect(name, expected, database.value(query, *parameters))
    except (UndefinedTable, UndefinedColumn) as error:
        tg.skip(f"{name}: {str(error).splitlines()[0]}")

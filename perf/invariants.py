"""Small makers of invariants: what must hold however fast the platform was."""

from typing import LiteralString

import tailguard as tg
from tailguard.postgres import Reader


def count_is(
    database: Reader, name: str, query: LiteralString, *parameters: object, expected: int = 0
) -> tg.Invariant:
    """Return the invariant that a query's single number is `expected`."""
    return tg.expect(name, expected, database.value(query, *parameters))

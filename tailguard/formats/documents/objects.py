"""Columns of text out of a list of objects."""

from collections.abc import Sequence

from tailguard.base.errors import UsageError
from tailguard.formats.content import Cells, texts
from tailguard.record.part import Json


def objects(rows: Sequence[Json]) -> list[dict[str, Json]]:
    """Return the rows. Raises UsageError for the first that is not an object."""
    found = []
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise UsageError(f"row {number} is {str(row)[:60]!r}, not an object with a latency")
        found.append(row)
    return found


def text_column(rows: Sequence[dict[str, Json]], name: str) -> Cells:
    """Return one key of all objects as text."""
    return texts([row.get(name) for row in rows])

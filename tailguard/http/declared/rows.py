"""The rows of [rows.NAME]: from a CSV, or generated."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tailguard.base.errors import UsageError
from tailguard.http.declared.format import RowsTable
from tailguard.http.template import fill_text
from tailguard.record.part import Json
from tailguard.suite.rows import Row, Rows

_RANGE = re.compile(r"(\d{1,18})\.\.(\d{1,18})")
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")  # 64 bits hold it
# A row takes some hundred bytes in each process that makes load.
_MOST_GENERATED = 1_000_000


@dataclass(frozen=True, eq=False)
class GeneratedRows(Rows):
    """Rows of `generate = { id = "1..500", username = "player-{id}" }`."""

    first: int = 1
    last: int = 1
    fields: tuple[tuple[str, str], ...] = ()

    @cached_property
    def values(self) -> list[Row]:
        """All rows."""
        return [
            {"id": str(number)} | {name: fill_text(text, {"id": number}) for name, text in self.fields}
            for number in range(self.first, self.last + 1)
        ]


def rows_of(name: str, table: RowsTable, folder: Path, module: str, where: str) -> Rows:
    """Return the rows of a table; `where` names it. Raises UsageError unless it names a file or a range of ids."""
    if bool(table.file) == bool(table.generate):
        raise UsageError(f'{where}: give {name} a file, or generate = {{ id = "1..500" }}, and not both')
    if table.file:
        return Rows(folder / table.file, table.use, module, where)
    fields = dict(table.generate)
    span = _RANGE.fullmatch(fields.pop("id", ""))
    if span is None or not int(span[1]) <= int(span[2]) < int(span[1]) + _MOST_GENERATED:
        raise UsageError(
            f'{where}: generate needs a range of at most {_MOST_GENERATED:,} ids, such as id = "1..500"'
        )
    return GeneratedRows(
        folder / f"the generated rows of {name}", table.use, module, where,
        int(span[1]), int(span[2]), tuple(fields.items()),
    )  # fmt: skip


class TypedRows:
    """Gives rows with every column of whole numbers as such: a JSON body then has numbers, not texts."""

    def __init__(self, rows: Rows) -> None:
        self.fields = tuple(rows.values[0])
        self._whole = {
            name for name in self.fields if all(_WHOLE.fullmatch(row[name]) for row in rows.values)
        }

    def of(self, row: Mapping[str, str]) -> dict[str, Json]:
        """Return one row."""
        return {name: self.value(name, text) for name, text in row.items()}

    def value(self, name: str, text: str) -> int | str:
        """Return one field of a row."""
        return int(text) if name in self._whole else text


def read_rows(name: str, table: RowsTable, folder: Path, where: str) -> list[dict[str, int | str]]:
    """Return all rows of a table, whose file is seen from `folder`, with columns of whole numbers as such.

    Raises UsageError, which begins with `where`, for a file that cannot be read, or neither a file nor a range of ids.
    """
    rows = rows_of(name, table, folder, "", where)
    typed = TypedRows(rows)
    return [{name: typed.value(name, text) for name, text in row.items()} for row in rows.values]

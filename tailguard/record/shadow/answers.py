"""`answers.parquet`: each answer that was compared with the primary's, and the fields in which it differed."""

from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from tailguard.base.reading.regular_file import why_not_a_file
from tailguard.record.files import REMEDY, BrokenRunError

ANSWERS = "answers.parquet"
# In place of a field: the answers are the same.
SAME = ""
_COLUMNS = ("request", "twice", "route", "field")


@dataclass(frozen=True, slots=True)
class Answers:
    """A row for each field in which an answer differed, or one with the field "" for an answer that did not.

    Attributes:
        request: number of the request, in each kind from 0.
        twice: whether it is the primary's second answer, not the candidate's.
        route, field: indices into `routes` and `fields`.
    """

    routes: tuple[str, ...]
    fields: tuple[str, ...]
    request: NDArray[np.int64]
    twice: NDArray[np.bool_]
    route: NDArray[np.int32]
    field: NDArray[np.int32]


@dataclass(slots=True)
class AnswerRows:
    """Rows that are being collected, and for each field its number."""

    numbers: dict[str, int] = field(default_factory=lambda: {SAME: 0})
    _rows: "array[int]" = field(default_factory=lambda: array("q"))

    def add(self, request: int, route: int, fields: list[str], *, twice: bool) -> None:
        """Keep in which fields an answer differed."""
        for name in fields or [SAME]:
            number = self.numbers.setdefault(name, len(self.numbers))
            self._rows.extend((request, twice, route, number))

    def answers(self, routes: tuple[str, ...]) -> Answers:
        """Return the rows so far."""
        rows = np.array(self._rows, np.int64).reshape(-1, len(_COLUMNS))
        return Answers(
            routes,
            tuple(self.numbers),
            rows[:, 0],
            rows[:, 1].astype(bool),
            rows[:, 2].astype(np.int32),
            rows[:, 3].astype(np.int32),
        )


def write_answers(where: Path | BinaryIO, answers: Answers) -> None:
    """Write them as Parquet."""
    import pyarrow as pa  # noqa: PLC0415  # slow to import: only who touches the file waits for it
    import pyarrow.parquet as pq  # noqa: PLC0415

    columns = {
        "request": pa.array(answers.request),
        "twice": pa.array(answers.twice),
        "route": pa.DictionaryArray.from_arrays(answers.route, list(answers.routes)),
        "field": pa.DictionaryArray.from_arrays(answers.field, list(answers.fields)),
    }
    pq.write_table(pa.table(columns), where, compression="zstd")


def read_answers(path: Path) -> Answers:
    """Return what the file holds. Raises BrokenRunError if it is missing or is not as we write it."""
    import pyarrow as pa  # noqa: PLC0415  # as above
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        if why := why_not_a_file(path):
            raise BrokenRunError(f"Cannot read {path}: {why}.")
        table = pq.read_table(path, columns=list(_COLUMNS)).unify_dictionaries().combine_chunks()
        routes, route = _numbered(table.column("route").to_pylist())
        fields, fields_of_rows = _numbered(table.column("field").to_pylist())
        request, twice = (table.column(name).to_numpy() for name in ("request", "twice"))
        return Answers(routes, fields, request.astype(np.int64), twice.astype(bool), route, fields_of_rows)
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise BrokenRunError(f"{path} is broken: {error}. {REMEDY}") from error


def _numbered(texts: list[object]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    numbers: dict[str, int] = {}
    found = [numbers.setdefault(str(text), len(numbers)) for text in texts]
    return tuple(numbers), np.array(found, np.int32)

"""Rows: a CSV file whose rows journeys take, one for each iteration or one for each virtual user."""

import csv
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from pathlib import Path
from random import Random
from typing import Literal, get_args

from tailguard.base.errors import UsageError
from tailguard.base.reading.regular_file import read_text
from tailguard.suite.signature import short

# once: each row at most once in a run; cycle: from the start again; random: drawn by the run's seed.
Use = Literal["once", "cycle", "random"]
Row = Mapping[str, str]

# Ten million rows: a file that is larger is not one of rows to type in.
_MOST_BYTES = 1 << 30
REMEDY = 'give it more rows, or state use="cycle"'


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a file, by number; a journey or a fixture of scope "user" asks for one by the name of the variable.

    Attributes:
        path: the file.
        use: which row a number gets.
        module, line: where it is stated.
    """

    path: Path
    use: Use
    module: str
    line: str

    @property
    def place(self) -> str:
        """File and line, for messages."""
        return self.line

    @cached_property
    def values(self) -> list[Row]:
        """All rows, read once in each process. Raises UsageError if there are none, or one has another width."""
        try:
            text = StringIO(read_text(self.path, _MOST_BYTES), newline="")
            lines = [line for line in csv.reader(text, strict=True) if line]
        except UsageError as error:
            raise UsageError(f"{self.line}: {error}") from None
        except csv.Error as error:
            raise UsageError(f"{self.line}: rows of {short(self.path)}: it is not CSV: {error}") from None
        if len(lines) < 2:  # noqa: PLR2004  # the header and one row
            raise UsageError(
                f"{self.line}: {short(self.path)} has no rows: a header and at least one row are needed"
            )
        header = lines[0]
        for number, line in enumerate(lines[1:], 1):
            if len(line) != len(header):
                raise UsageError(
                    f"{self.line}: {short(self.path)}: row {number} has {len(line)} fields, the header {len(header)}"
                )
        return [dict(zip(header, line, strict=True)) for line in lines[1:]]

    def at(self, number: int, seed: int) -> Row:
        """Return the row of an iteration or user; -1, -2 ... of warm-up count from the far end.

        Raises UsageError if rows that are used once are used up.
        """
        if self.use == "once":
            if not -len(self.values) <= number < len(self.values):
                raise UsageError(f"{self.few()}, and number {number} asks for one more: {REMEDY}")
            return self.values[number]
        if self.use == "random":
            number = Random(f"{seed}/{self.path.name}/{number}").randrange(len(self.values))  # noqa: S311  # no secret
        return self.values[number % len(self.values)]

    def few(self) -> str:
        """Return where the rows are stated, and how many there are."""
        return f"{self.line}: {short(self.path)} has {len(self.values)} rows"


def rows(file: str | Path, *, use: Use = "once") -> Rows:
    """State the rows that iterations take: `buyer = rows("buyers.csv")` is what an argument `buyer` gets, a dict.

    A journey gets the row of its iteration's number, so that "once" is exact over threads, workers and machines; a
    fixture of scope "user" gets that of its user's number.

    Args:
        file: CSV in UTF-8 with a header; a relative path is seen from the folder of the file that states it.
        use: "once": each row at most once in a run, and a run whose rows are used up never passes; "cycle": from the
            start again; "random": drawn by the run's seed.

    Raises:
        UsageError: an unknown use.
    """
    frame = sys._getframe(1)  # noqa: SLF001  # as namedtuple finds the module that states it
    place = f"{short(frame.f_code.co_filename)}, line {frame.f_lineno}"
    if use not in get_args(Use):
        raise UsageError(f"{place}: use {use!r} is not one of {', '.join(get_args(Use))}")
    path = Path(frame.f_code.co_filename).parent / file
    return Rows(path, use, frame.f_globals["__name__"], place)

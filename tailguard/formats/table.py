"""Text of rows and fields, whatever separates them: each row as wide as the first, only the asked columns in memory."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.csv as pa_csv

from tailguard.base.errors import UsageError
from tailguard.config.option import did_you_mean
from tailguard.formats.content import Cells

# In this order if the first row has equally many of two.
_DELIMITERS = "\t;,|"
_WITH_UNIT = re.compile(r"\d[\d.,]*\s*(ns|us|µs|ms|s|sec)")
# Of this many bytes, the first row is taken: far more than any header has.
_HEAD = 1 << 20


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of text, equally long; what was skipped, and notes about it."""

    cells: Mapping[str, Cells] = field(repr=False)
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Cells:
        return self.cells[name]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text that are not yet parsed, but for the first."""

    content: bytes = field(repr=False)
    delimiter: str
    first: tuple[str, ...]
    title: str = "the header"

    def has(self, *names: str) -> bool:
        """Whether the first row is a header with all these names."""
        return set(names) <= set(self.first)

    @property
    def has_header(self) -> bool:
        """Whether the first row names columns: a header has no number among its names, with a unit or without."""
        return not any(is_number(cell) or _WITH_UNIT.fullmatch(cell) for cell in self.first)

    def read(self, names: Sequence[str], *, skip_bad_rows: bool) -> Columns:
        """Return columns by the names in the header."""
        if missing := next((name for name in names if name not in self.first), None):
            raise UsageError(f"column {missing!r} is unknown.{did_you_mean(missing, self.first[:20])}")
        if twice := next((name for name in names if self.first.count(name) > 1), None):
            raise UsageError(f"two columns are named {twice!r}; rename the one that is not meant")
        return self._columns({name: self.first.index(name) for name in names}, 1, skip_bad_rows)

    def read_numbered(self, indices: Mapping[str, int], *, skip_bad_rows: bool) -> Columns:
        """Return columns by their number from 0, of rows without a header."""
        return self._columns(indices, 0, skip_bad_rows)

    def _columns(self, indices: Mapping[str, int], headers: int, skip_bad_rows: bool) -> Columns:  # noqa: FBT001
        if self.delimiter != "\t" and self.content.count(b'"') % 2:
            raise UsageError(
                "a quotation mark in it has no other: what lies between them is not known; mend it"
            )
        rows = _WrongRows(self, headers, skip_bad_rows)
        wanted = {f"f{index}": pa.string() for index in indices.values()}
        try:
            found = pa_csv.read_csv(
                pa.BufferReader(self.content),
                read_options=pa_csv.ReadOptions(autogenerate_column_names=True, use_threads=False),
                parse_options=pa_csv.ParseOptions(
                    delimiter=self.delimiter,
                    quote_char=False
                    if self.delimiter == "\t"
                    else '"',  # tools do not quote fields between tabs
                    newlines_in_values=self.delimiter != "\t",
                    invalid_row_handler=rows.judge,
                ),
                convert_options=pa_csv.ConvertOptions(
                    include_columns=list(wanted), column_types=wanted, strings_can_be_null=False
                ),
            )
        except pa.ArrowInvalid as error:
            raise UsageError(rows.first_wrong or _in_our_words(str(error))) from None
        cells = {name: found.column(f"f{index}").slice(headers) for name, index in indices.items()}
        return Columns(cells, tuple(rows.skipped), tuple(rows.notes))


class _WrongRows:
    """Decides of each row that is not as wide as the first: the end of a cut-off file, to be skipped, or wrong."""

    def __init__(self, table: Table, headers: int, skip_bad_rows: bool) -> None:  # noqa: FBT001
        self.table, self.headers, self.skip = table, headers, skip_bad_rows
        self.first_wrong = ""
        self.skipped: list[str] = []
        self.notes: list[str] = []

    def judge(self, row: pa_csv.InvalidRow) -> str:
        """Say "skip" or "error", as pyarrow asks."""
        # Messages count rows from 1, without the header.
        number = "" if row.number is None else f" {row.number - self.headers}"
        wrong = f"row{number} has {row.actual_columns} fields, {self._first} {row.expected_columns}: {_short(row.text)}"
        if row.text.startswith("#"):  # a comment, as warp writes them at the end
            return "skip"
        at_the_end = self.table.content.endswith(b"\n" + row.text.encode())
        if at_the_end and row.actual_columns < row.expected_columns and not self.notes:
            self.notes.append("the last row is cut off: what comes before is judged")
            return "skip"
        if self.skip:
            self.skipped.append(wrong)
            return "skip"
        self.first_wrong = f"{wrong}; mend it, or leave such rows out with --skip-bad-rows"
        return "error"

    @property
    def _first(self) -> str:
        return "the header" if self.headers else "row 1"


def parse_table(content: bytes) -> Table:
    """Take the first row apart. Raises UsageError for what is not text, or has no row at all."""
    head = content[:_HEAD].lstrip(b"\r\n")
    try:
        line = head.decode("utf-8", errors="replace").splitlines()[0]
    except IndexError:
        raise UsageError("it is empty: it has no latency to judge") from None
    if "\0" in line or line.count("�") > len(line) // 10:
        raise UsageError("it is neither a known format nor text")
    delimiter = max(_DELIMITERS, key=_unquoted(line).count)
    if delimiter not in line:
        words = line.split()
        delimiter = " " if len(words) > 1 and all(map(is_number, words)) else ","
    try:
        parts = line.split("\t") if delimiter == "\t" else next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error as error:
        raise UsageError(f"its first row cannot be read: {error}") from None
    return Table(content, delimiter, tuple(cell.strip() for cell in parts))


def is_number(text: str) -> bool:
    """Whether text is a number, with a point or a decimal comma."""
    try:
        float(text.replace(",", ".", 1))
    except ValueError:
        return False
    return True


def _unquoted(line: str) -> str:
    return "".join(line.split('"')[::2])


def _in_our_words(error: str) -> str:
    if "UTF8" in error:
        return "it is not UTF-8 text; save it as UTF-8"
    if "straddling" in error or "block" in error:
        return "it has a field or a quotation that does not end"
    return f"its rows cannot be read: {error.splitlines()[0]}"


def _short(text: str, most: int = 80) -> str:
    text = text.strip()
    return text if len(text) <= most else f"{text[:most]}…"

"""Any table with a column of latencies, and plain numbers."""

import re

import numpy as np
import pyarrow.compute as pc

from tailguard.base.errors import UsageError
from tailguard.formats.columns.failures import either
from tailguard.formats.columns.likely import failure_columns, latency_column, name_columns, time_column
from tailguard.formats.columns.stamps import stamps
from tailguard.formats.content import Cells, Options, Rows, names_of, texts
from tailguard.formats.format import Format
from tailguard.formats.table import Columns, Table

_DECIMAL_COMMA = r"^\s*\d+,\d+\s*$"
# "1,234" may be a thousand or one and a bit: three digits after each comma tell nothing.
_THOUSANDS = r"^\s*\d{1,3}(,\d{3})+\s*$"
EXAMPLE = """\
timestamp,method,url,rt_ms,status
2026-01-01T00:00:00Z,GET,/cart,84.25,200
2026-01-01T00:00:01Z,GET,/cart,76.5,200
2026-01-01T00:00:02Z,GET,/cart,1.2,503
"""


def _read(table: Table, options: Options) -> Rows:
    if not table.has_header:
        return _numbered(table, options)
    names = [name for name in table.first if name]
    first_row = _row_after_header(table)
    latency = latency_column(names, options.column, first_row)
    failures, called, time = failure_columns(names), name_columns(names), time_column(names)
    others = [name for name in (*failures, *called, time) if name and name != latency.name]
    columns = table.read([latency.name, *dict.fromkeys(others)], skip_bad_rows=options.skip_bad_rows)
    values, notes = _with_points(columns[latency.name], table.delimiter)
    failed = [rule(columns[name]) for name, rule in failures.items() if name != latency.name]
    if not latency.named and len(names) > 1:
        notes.append(f"column {latency.name!r} is taken as the latency (--column says otherwise)")
    return Rows(
        values,
        unit=latency.unit,
        failed=either(*failed) if failed else None,
        names=names_of(*(columns[name] for name in called)) if called else None,
        times=_times(columns, time, notes) if time in columns.cells else None,
        known=False,
        notes=(*columns.notes, *notes),
        skipped=columns.skipped,
    )


def _numbered(table: Table, options: Options) -> Rows:
    """Read rows without a header: the one column there is, or that of the given number."""
    width = len(table.first)
    number = options.column or ("1" if width == 1 else "")
    if not number.isdecimal() or not 1 <= int(number) <= width:
        wanted = f"there is no column {number}: " if number else ""
        raise UsageError(
            f"{wanted}it has no header and {width} columns; say which is the latency by its number, --column 1 to"
            f" {width}. Its first row is: {table.delimiter.join(table.first)}"
        )
    columns = table.read_numbered({number: int(number) - 1}, skip_bad_rows=options.skip_bad_rows)
    values, notes = _with_points(columns[number], table.delimiter)
    return Rows(values, known=False, notes=(*columns.notes, *notes), skipped=columns.skipped)


def _with_points(cells: Cells, delimiter: str) -> tuple[Cells, list[str]]:
    """Turn decimal commas into points, in a table whose columns commas do not part."""
    commas = np.asarray(pc.match_substring_regex(cells, _DECIMAL_COMMA))
    if delimiter == "," or not commas.any():
        return cells, []
    first = cells[int(commas.argmax())].as_py()
    if np.asarray(pc.match_substring_regex(cells, _THOUSANDS))[commas].all():
        raise UsageError(f"{first!r} may have a decimal comma or one of thousands; write it with a point")
    return pc.replace_substring(cells, ",", ".", max_replacements=1), [
        f"{first!r} is read with a decimal comma"
    ]


def _times(columns: Columns, time: str | None, notes: list[str]) -> "np.typing.NDArray[np.float64] | None":
    assert time is not None
    try:
        return stamps(columns[time])
    except UsageError as error:
        notes.append(f"the order is the file's: in column {time!r}, {error}")
        return None


def _row_after_header(table: Table) -> str:
    lines = table.content[: 1 << 16].decode("utf-8", errors="replace").splitlines()
    return next((line for line in lines[1:] if line.strip()), "")[:120]


def read_words(text: str, options: Options) -> Rows:
    """Read one line of numbers between spaces."""
    if options.column is not None:
        raise UsageError(f"plain numbers have no column {options.column!r}; leave --column out")
    return Rows(texts(re.split(r"\s+", text.strip())), known=False)


FORMAT = Format[Table](
    title="any other table (CSV, TSV, semicolons), or one number per line",
    made_by="your own",
    known_by="a column called latency, elapsed, duration, response time and the like, or the only one; else `--column`",
    unit="the end of the column's name: `_ms`, `_us`, `_ns`, `_s`; else `--unit`",
    failed="columns called status, code, error, exception, success and the like; else unknown",
    names="columns called method, url, name, label, path and the like",
    example=EXAMPLE,
    latencies_ms=(84.25, 76.5),
    fits=lambda table: True,
    read=_read,
    columns=None,
)

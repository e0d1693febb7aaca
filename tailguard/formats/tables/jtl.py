"""JMeter's results as CSV, in its documented variants: any delimiter, formatted stamps, without a header."""

import re

import numpy as np
import pyarrow.compute as pc

from tailguard.base.errors import UsageError
from tailguard.formats.columns.failures import by_success
from tailguard.formats.columns.stamps import stamps
from tailguard.formats.content import Cells, Options, Rows, names_of
from tailguard.formats.format import Format
from tailguard.formats.table import Columns, Table

_REMEDY = "; set jmeter.save.saveservice.timestamp_format=ms and measure again"
# Where the columns are in a file without a header, unless the properties of JMeter say otherwise.
_PLACES = {"timeStamp": 0, "elapsed": 1, "label": 2, "responseMessage": 4, "success": 7}
_EPOCH_MS = re.compile(r"\d{13}")
# The message of a transaction controller's own row, which holds the time of all its samplers.
_PARENT = r"^Number of samples in transaction"

EXAMPLE = """\
timeStamp,elapsed,label,responseCode,responseMessage,threadName,dataType,success,bytes
1700000000000,84,GET /cart,200,OK,users 1-1,text,true,512
1700000000090,76,GET /pay,200,OK,users 1-1,text,true,512
1700000000000,160,buy,200,"Number of samples in transaction : 2, number of failing samples : 0",users 1-1,,true,1024
1700000000170,2,GET /cart,503,Service Unavailable,users 1-1,text,false,60
"""


def _fits(table: Table) -> bool:
    return table.has("timeStamp", "elapsed") or _without_header(table)


def _without_header(table: Table) -> bool:
    first = table.first
    return (
        len(first) > _PLACES["success"]
        and bool(_EPOCH_MS.fullmatch(first[0]))
        and first[1].isdigit()
        and first[_PLACES["success"]].lower() in {"true", "false"}
    )


def _read(table: Table, options: Options) -> Rows:
    wanted = [name for name in (*_PLACES, "SampleCount") if table.has(name)]
    elapsed = options.column or "elapsed"
    if table.has("timeStamp"):
        columns = table.read(list({*wanted, elapsed}), skip_bad_rows=options.skip_bad_rows)
    else:
        elapsed = "elapsed"
        columns = table.read_numbered(_PLACES, skip_bad_rows=options.skip_bad_rows)
    return _rows(columns, elapsed)


def _rows(columns: Columns, elapsed: str) -> Rows:
    cells = dict(columns.cells)
    notes = list(columns.notes)
    if "responseMessage" in cells:
        parents = pc.match_substring_regex(cells["responseMessage"], _PARENT)
        if count := int(np.asarray(parents).sum()):
            notes.append(
                f"{count:,} rows of transactions are left out: they hold the time of their own samplers"
            )
            cells = {name: column.filter(pc.invert(parents)) for name, column in cells.items()}
    if "SampleCount" in cells:
        _refuse_sums(cells["SampleCount"])
    return Rows(
        cells[elapsed],
        unit="ms",
        failed=by_success(cells["success"]) if "success" in cells else None,
        names=names_of(cells["label"]) if "label" in cells else None,
        times=stamps(cells["timeStamp"], _REMEDY),
        counted_as="row" if len(cells[elapsed]) == len(columns[elapsed]) else "sample",
        notes=tuple(notes),
        skipped=columns.skipped,
    )


def _refuse_sums(counts: Cells) -> None:
    """A remote engine in a statistical mode writes one row for many samples, with the time of them all."""
    sums = [count for count in pc.unique(counts).to_pylist() if count not in ("", "0", "1")]
    if sums:
        raise UsageError(
            f"it has rows that sum up {sums[0]} samples (SampleCount); measure again with mode=Standard"
        )


FORMAT = Format[Table](
    title="JMeter results (JTL as CSV)",
    made_by="jmeter -n -t plan.jmx -l results.jtl",
    known_by="a header with `timeStamp` and `elapsed`, or rows in JMeter's own order",
    unit="ms",
    failed="`success` is not true",
    names="`label`; rows of transaction controllers are left out",
    example=EXAMPLE,
    latencies_ms=(84, 76),
    fits=_fits,
    read=_read,
    columns=("elapsed", "Latency", "Connect"),
)

"""hey's CSV: one row for each request that was answered, in seconds."""

from tailguard.formats.columns.failures import by_status
from tailguard.formats.columns.stamps import stamps
from tailguard.formats.content import Options, Rows
from tailguard.formats.format import Format
from tailguard.formats.table import Table

_COLUMNS = ("response-time", "status-code", "offset")
EXAMPLE = """\
response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset
0.0449,0.0000,0.0000,0.0000,0.0009,0.0440,200,0.0019
0.0461,0.0000,0.0000,0.0000,0.0017,0.0444,200,0.0022
0.0020,0.0000,0.0000,0.0000,0.0005,0.0474,503,0.0468
"""


def _read(table: Table, options: Options) -> Rows:
    columns = table.read(_COLUMNS, skip_bad_rows=options.skip_bad_rows)
    return Rows(
        columns["response-time"],
        unit="s",
        failed=by_status(columns["status-code"]),
        times=stamps(columns["offset"]),
        notes=(*columns.notes, "hey writes no row for a request without an answer: its summary counts those"),
        skipped=columns.skipped,
    )


FORMAT = Format[Table](
    title="hey requests as CSV",
    made_by="hey -o csv URL > results.csv",
    known_by="a header with `response-time`, `status-code` and `offset`",
    unit="s",
    failed="`status-code` is 400 or more; requests without an answer are not in the file",
    names="none: hey asks one URL",
    example=EXAMPLE,
    latencies_ms=(44.9, 46.1),
    fits=lambda table: table.has(*_COLUMNS),
    read=_read,
)

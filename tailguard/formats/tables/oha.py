"""oha's CSV: one row for each request that was answered, in seconds."""

from tailguard.formats.columns.failures import by_status
from tailguard.formats.columns.stamps import stamps
from tailguard.formats.content import Options, Rows
from tailguard.formats.format import Format
from tailguard.formats.table import Table

_COLUMNS = ("request-start", "request-duration", "status")
EXAMPLE = """\
request-start,DNS,DNS+dialup,Response-delay,request-duration,bytes,status
0.002211678,0.000374078,0.001148565,0.002619327,0.002626127,11,200
0.004838000,0,0,0.001000,0.001500,11,200
0.006338000,0,0,0.000100,0.000200,0,503
"""


def _read(table: Table, options: Options) -> Rows:
    columns = table.read(_COLUMNS, skip_bad_rows=options.skip_bad_rows)
    return Rows(
        columns["request-duration"],
        unit="s",
        failed=by_status(columns["status"]),
        times=stamps(columns["request-start"]),
        notes=(*columns.notes, "oha writes no row for a request without an answer: its summary counts those"),
        skipped=columns.skipped,
    )


FORMAT = Format[Table](
    title="oha requests as CSV",
    made_by="oha --output-format csv URL > results.csv",
    known_by="a header with `request-start`, `request-duration` and `status`",
    unit="s",
    failed="`status` is 400 or more; requests without an answer are not in the file",
    names="none: oha's rows do not name the URL",
    example=EXAMPLE,
    latencies_ms=(2.626127, 1.5),
    fits=lambda table: table.has(*_COLUMNS),
    read=_read,
)

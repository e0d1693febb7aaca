"""Locust's log of requests, as `locust.contrib.csv_request_logger` writes it."""

from tailguard.formats.columns.failures import by_error
from tailguard.formats.columns.stamps import stamps
from tailguard.formats.content import Options, Rows, names_of
from tailguard.formats.format import Format
from tailguard.formats.table import Table

_COLUMNS = ("timestamp", "request_type", "name", "response_time_ms", "exception")
EXAMPLE = """\
timestamp,request_type,name,response_time_ms,response_length,status_code,exception
1700000000.1,GET,/cart,84.25,512,200,
1700000000.2,WS,event,12.5,64,0,
1700000000.3,GET,/cart,1.2,0,500,"CatchResponseError('HTTP 500')"
"""


def _read(table: Table, options: Options) -> Rows:
    columns = table.read(_COLUMNS, skip_bad_rows=options.skip_bad_rows)
    return Rows(
        columns["response_time_ms"],
        unit="ms",
        failed=by_error(columns["exception"]),  # the status is 0 for all that is not HTTP, too
        names=names_of(columns["request_type"], columns["name"]),
        times=stamps(columns["timestamp"]),
        notes=columns.notes,
        skipped=columns.skipped,
    )


FORMAT = Format[Table](
    title="Locust's log of requests",
    made_by="CsvRequestLogger('requests.csv') of locust.contrib.csv_request_logger",
    known_by="a header with `response_time_ms`, `request_type`, `name` and `exception`",
    unit="ms",
    failed="`exception` is not empty",
    names="`request_type` and `name`",
    example=EXAMPLE,
    latencies_ms=(84.25, 12.5),
    fits=lambda table: table.has(*_COLUMNS),
    read=_read,
)

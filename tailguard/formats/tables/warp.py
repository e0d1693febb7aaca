"""MinIO warp's operations: one row each, between tabs, packed by zstd."""

from tailguard.formats.columns.failures import by_error
from tailguard.formats.columns.stamps import stamps
from tailguard.formats.content import Options, Rows, names_of
from tailguard.formats.format import Format
from tailguard.formats.table import Table

_COLUMNS = ("op", "error", "start", "duration_ns")
EXAMPLE = (
    "idx\tthread\top\tclient_id\tn_objects\tbytes\tendpoint\tfile\terror\tstart\tfirst_byte\tend\tduration_ns\n"
    "0\t0\tGET\ta\t1\t9\ts3.example\tk\t\t2023-11-14T22:13:20.1Z\t\t2023-11-14T22:13:20.18425Z\t84250000\n"
    "1\t0\tPUT\ta\t1\t9\ts3.example\tk\t\t2023-11-14T22:13:20.2Z\t\t2023-11-14T22:13:20.2765Z\t76500000\n"
    "2\t0\tGET\ta\t1\t9\ts3.example\tk\trefused\t2023-11-14T22:13:20.3Z\t\t2023-11-14T22:13:20.301Z\t1000000\n"
)


def _read(table: Table, options: Options) -> Rows:
    columns = table.read(_COLUMNS, skip_bad_rows=options.skip_bad_rows)
    return Rows(
        columns["duration_ns"],
        unit="ns",
        failed=by_error(columns["error"]),
        names=names_of(columns["op"]),
        times=stamps(columns["start"]),
        notes=columns.notes,
        skipped=columns.skipped,
    )


FORMAT = Format[Table](
    title="warp operations (CSV, also packed by zstd)",
    made_by="warp get --full --benchdata results",
    known_by="a header with `op`, `error`, `start` and `duration_ns`",
    unit="ns",
    failed="`error` is not empty",
    names="`op`",
    example=EXAMPLE,
    latencies_ms=(84.25, 76.5),
    fits=lambda table: table.has(*_COLUMNS),
    read=_read,
)

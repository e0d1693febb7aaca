"""vegeta's CSV: rows without a header, in nanoseconds."""

import re

from tailguard.formats.columns.failures import by_error, by_status, either
from tailguard.formats.columns.stamps import stamps
from tailguard.formats.content import Options, Rows, names_of
from tailguard.formats.format import Format
from tailguard.formats.table import Table

# The first columns of every version; method and URL came with the eleventh and twelfth.
_PLACES = {"timestamp": 0, "code": 1, "latency": 2, "error": 5}
_NAMES = {"method": 9, "url": 10}
_EPOCH_NS, _CODE = re.compile(r"\d{19}"), re.compile(r"0|[1-5]\d\d")
EXAMPLE = """\
1700000000000000000,200,84250000,0,15,,aGVsbG8=,,0,GET,http://shop.example/cart,
1700000000010000000,200,76500000,0,15,,aGVsbG8=,,1,GET,http://shop.example/cart,
1700000000020000000,0,1200000,0,0,connection refused,,,2,GET,http://shop.example/cart,
"""


def _fits(table: Table) -> bool:
    first = table.first
    return (
        len(first) > max(_PLACES.values())
        and bool(_EPOCH_NS.fullmatch(first[0]) and _CODE.fullmatch(first[1]))
        and first[2].isdigit()
    )


def _read(table: Table, options: Options) -> Rows:
    named = len(table.first) > max(_NAMES.values())
    columns = table.read_numbered(
        {**_PLACES, **(_NAMES if named else {})}, skip_bad_rows=options.skip_bad_rows
    )
    return Rows(
        columns["latency"],
        unit="ns",
        failed=either(by_status(columns["code"]), by_error(columns["error"])),
        names=names_of(columns["method"], columns["url"]) if named else None,
        times=stamps(columns["timestamp"]),
        notes=columns.notes,
        skipped=columns.skipped,
    )


FORMAT = Format[Table](
    title="vegeta results as CSV",
    made_by="vegeta encode --to csv results.bin > results.csv",
    known_by="rows that begin with a stamp in ns, a status and a latency",
    unit="ns",
    failed="the error is not empty, or the status is 0 or 400 and more",
    names="method and URL",
    example=EXAMPLE,
    latencies_ms=(84.25, 76.5),
    fits=_fits,
    read=_read,
)

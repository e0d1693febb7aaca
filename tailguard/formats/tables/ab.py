"""ab's file for gnuplot: one row per request, in ms and sorted by it."""

from tailguard.formats.content import Options, Rows
from tailguard.formats.format import Format
from tailguard.formats.table import Table

EXAMPLE = (
    "starttime\tseconds\tctime\tdtime\tttime\twait\n"
    "Tue Nov 14 22:13:20 2023\t1700000000\t0\t1\t1\t1\n"
    "Tue Nov 14 22:13:20 2023\t1700000000\t0\t2\t2\t2\n"
    "Tue Nov 14 22:13:20 2023\t1700000000\t0\t11\t11\t11\n"
)


def _read(table: Table, options: Options) -> Rows:
    columns = table.read(["ttime"], skip_bad_rows=options.skip_bad_rows)
    return Rows(
        columns["ttime"],
        unit="ms",
        ordered=False,
        notes=(
            *columns.notes,
            "ab -g writes whole ms: limits under about 10 ms are judged coarsely",
        ),
        skipped=columns.skipped,
    )


FORMAT = Format[Table](
    title="ab requests for gnuplot",
    made_by="ab -g results.tsv URL",
    known_by="a header with `starttime`, `ctime`, `dtime` and `ttime`",
    unit="ms",
    failed="unknown: ab counts them in its summary",
    names="none: ab asks one URL",
    example=EXAMPLE,
    latencies_ms=(1, 2, 11),
    fits=lambda table: table.has("starttime", "ctime", "dtime", "ttime"),
    read=_read,
)

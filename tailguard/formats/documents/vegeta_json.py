"""vegeta's JSON: a line for each request, in nanoseconds."""

from tailguard.formats.columns.failures import by_error, by_status, either
from tailguard.formats.columns.stamps import stamps
from tailguard.formats.content import Options, Rows, names_of
from tailguard.formats.documents.lines import Document
from tailguard.formats.documents.objects import objects, text_column
from tailguard.formats.format import Format

EXAMPLE = """\
{"attack":"","seq":0,"code":200,"timestamp":"2026-01-01T00:00:00Z","latency":84250000,"error":"","method":"GET",\
"url":"http://shop.example/cart"}
{"attack":"","seq":1,"code":0,"timestamp":"2026-01-01T00:00:00.1Z","latency":1200000,"error":"refused","method":\
"GET","url":"http://shop.example/cart"}
"""


def _read(document: Document, options: Options) -> Rows:
    rows = objects(document.rows)
    return Rows(
        [row.get("latency") for row in rows],
        unit="ns",
        failed=either(by_status(text_column(rows, "code")), by_error(text_column(rows, "error"))),
        names=names_of(text_column(rows, "method"), text_column(rows, "url")),
        times=stamps(text_column(rows, "timestamp")),
        notes=document.notes,
        skipped=document.skipped,
    )


FORMAT = Format[Document](
    title="vegeta results as JSON",
    made_by="vegeta encode results.bin > results.json",
    known_by="lines with `latency`, `timestamp` and `code`",
    unit="ns",
    failed="`error` is not empty, or `code` is 0 or 400 and more",
    names="`method` and `url`",
    example=EXAMPLE,
    latencies_ms=(84.25,),
    fits=lambda document: document.has("latency", "timestamp", "code"),
    read=_read,
)

"""Any JSON array or lines of numbers, or of objects with a latency."""

from tailguard.base.errors import UsageError
from tailguard.formats.columns.failures import either
from tailguard.formats.columns.likely import failure_columns, latency_column, name_columns, time_column
from tailguard.formats.columns.stamps import stamps
from tailguard.formats.content import Options, Rows, names_of
from tailguard.formats.documents.lines import Document
from tailguard.formats.documents.objects import objects, text_column
from tailguard.formats.format import Format

EXAMPLE = """\
{"time": "2026-01-01T00:00:00Z", "url": "/cart", "duration_ms": 84.25, "status": 200}
{"time": "2026-01-01T00:00:01Z", "url": "/cart", "duration_ms": 1.2, "status": 503}
"""


def _read(document: Document, options: Options) -> Rows:
    if document.whole and document.first:
        raise UsageError(
            f"it is one object with {', '.join(list(document.first)[:12]) or 'nothing'}, not a list or lines of samples"
        )
    if not document.first:
        if options.column is not None:
            raise UsageError(f"plain numbers have no column {options.column!r}; leave --column out")
        return Rows(list(document.rows), known=False, notes=document.notes, skipped=document.skipped)
    return _of_objects(document, options)


def _of_objects(document: Document, options: Options) -> Rows:
    rows = objects(document.rows)
    names = list(document.first)
    latency = latency_column(names, options.column, str(document.first)[:120])
    failures, called, time = failure_columns(names), name_columns(names), time_column(names)
    failed = [rule(text_column(rows, name)) for name, rule in failures.items() if name != latency.name]
    notes = list(document.notes)
    if not latency.named and len(names) > 1:
        notes.append(f"{latency.name!r} is taken as the latency (--column says otherwise)")
    return Rows(
        [row.get(latency.name) for row in rows],
        unit=latency.unit,
        failed=either(*failed) if failed else None,
        names=names_of(*(text_column(rows, name) for name in called)) if called else None,
        times=stamps(text_column(rows, time)) if time and time != latency.name else None,
        known=False,
        notes=tuple(notes),
        skipped=document.skipped,
    )


FORMAT = Format[Document](
    title="any other JSON: an array or lines of numbers, or of objects",
    made_by="your own",
    known_by="a key called as the columns of any other table; else `--column`",
    unit="the end of the key; else `--unit`",
    failed="keys called as the columns of any other table",
    names="keys called as the columns of any other table",
    example=EXAMPLE,
    latencies_ms=(84.25,),
    fits=lambda document: True,
    read=_read,
    columns=None,
)

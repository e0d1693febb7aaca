"""k6's JSON: a line for each sample of any metric."""

import msgspec

from tailguard.base.errors import UsageError
from tailguard.formats.columns.k6_metric import TAGS, chosen_metric, k6_failed, k6_names, k6_unit
from tailguard.formats.columns.stamps import stamps
from tailguard.formats.content import Options, Rows, Unit, texts
from tailguard.formats.documents.lines import Document
from tailguard.formats.format import Format
from tailguard.record.part import Json, Scalar

EXAMPLE = """\
{"type":"Metric","metric":"http_req_duration","data":{"type":"trend","contains":"time"}}
{"type":"Point","metric":"http_req_duration","data":{"time":"2026-01-01T00:00:00Z","value":84.25,"tags":\
{"expected_response":"true","method":"GET","name":"/cart","status":"200"}}}
{"type":"Point","metric":"http_req_duration","data":{"time":"2026-01-01T00:00:01Z","value":1.2,"tags":\
{"expected_response":"false","method":"GET","name":"/cart","status":"503"}}}
"""


class _Sample(msgspec.Struct):
    """A sample; its value is checked with all others."""

    value: Scalar
    time: str
    tags: dict[str, Scalar] | None = None


class _Point(msgspec.Struct):
    metric: str
    data: _Sample


def _fits(document: Document) -> bool:
    return document.has("type", "metric", "data") and document.first["type"] in ("Point", "Metric")


def _read(document: Document, options: Options) -> Rows:
    points = [_point(row) for row in document.rows if isinstance(row, dict) and row.get("type") == "Point"]
    of_metric, notes = chosen_metric(texts([point.metric for point in points]), options.column)
    chosen = [point.data for point, kept in zip(points, of_metric.to_pylist(), strict=True) if kept]
    names = [*TAGS, "status", "error", "expected_response"]
    tags = {name: texts([(each.tags or {}).get(name) for each in chosen]) for name in names}
    return Rows(
        [each.value for each in chosen],
        unit=_unit(document, options.column),
        counted_as="sample",
        failed=k6_failed(tags, options.column),
        names=k6_names(tags),
        times=stamps(texts([each.time for each in chosen])),
        notes=(*document.notes, *notes),
        skipped=document.skipped,
    )


def _unit(document: Document, metric: str | None) -> Unit | None:
    """A script's own metric is a time if its declaration says so."""
    declared = (row for row in document.rows if isinstance(row, dict) and row.get("type") == "Metric")
    times = {
        row.get("metric") for row in declared if '"time"' in msgspec.json.encode(row.get("data")).decode()
    }
    return "ms" if metric in times else k6_unit(metric)


def _point(row: dict[str, Json]) -> _Point:
    try:
        return msgspec.convert(row, _Point)
    except msgspec.ValidationError as error:
        raise UsageError(f"a point is not one of k6's: {error}") from None


FORMAT = Format[Document](
    title="k6 samples as JSON (also .gz)",
    made_by="k6 run --out json=results.json script.js",
    known_by='lines with `"type": "Point"` and `"metric"`',
    unit='as in k6\'s CSV; `"contains": "time"` says ms',
    failed="as in k6's CSV, by the tags",
    names="as in k6's CSV",
    example=EXAMPLE,
    latencies_ms=(84.25,),
    fits=_fits,
    read=_read,
    columns=None,
)

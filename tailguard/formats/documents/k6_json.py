"""k6's JSON: a line for each sample of any metric."""

import msgspec

from tailguard.formats.columns.k6_metric import DEFAULT, k6_failed, k6_names, k6_unit, others_of
from tailguard.formats.columns.stamps import stamps
from tailguard.formats.content import Options, Rows, texts
from tailguard.formats.documents.lines import Heard, decoded_lines
from tailguard.formats.format import Format
from tailguard.record.part import Scalar

EXAMPLE = """\
{"type":"Metric","metric":"http_req_duration","data":{"type":"trend","contains":"time"}}
{"type":"Point","metric":"http_req_duration","data":{"time":"2026-01-01T00:00:00Z","value":84.25,"tags":\
{"expected_response":"true","method":"GET","name":"/cart","status":"200"}}}
{"type":"Point","metric":"http_req_duration","data":{"time":"2026-01-01T00:00:01Z","value":1.2,"tags":\
{"expected_response":"false","method":"GET","name":"/cart","status":"503"}}}
"""


class _Tags(msgspec.Struct, gc=False):
    """The tags that are asked for; those of a script are passed over."""

    scenario: Scalar | None = None
    group: Scalar | None = None
    method: Scalar | None = None
    name: Scalar | None = None
    status: Scalar | None = None
    error: Scalar | None = None
    expected_response: Scalar | None = None


class _Data(msgspec.Struct, gc=False):
    """Of a sample its value and time, checked with all others; of a declaration what the metric holds."""

    value: Scalar | None = None
    time: str = ""
    tags: _Tags | None = None
    contains: str = ""


class _Line(msgspec.Struct, gc=False):
    type: str
    metric: str
    data: _Data


def _fits(content: bytes) -> bool:
    first = content[: 1 << 16].lstrip().splitlines()[0]
    return first.startswith(b"{") and b'"metric"' in first and (b'"Point"' in first or b'"Metric"' in first)


def _read(content: bytes, options: Options) -> Rows:
    """Keep no more than the samples of one metric: a run of minutes has millions of lines."""
    heard, decoder = Heard(), msgspec.json.Decoder(_Line)
    metric = options.column or DEFAULT
    unit = k6_unit(metric)
    known: dict[str, None] = {}
    samples: list[_Data] = []
    for line in decoded_lines(content, decoder, heard, skip_bad_rows=options.skip_bad_rows):
        if line.type == "Point":
            known[line.metric] = None
            if line.metric == metric:
                samples.append(line.data)
        elif line.metric == metric and line.data.contains == "time":
            unit = "ms"
    notes = others_of(list(known), options.column)
    tags = {
        name: texts([getattr(each.tags, name, None) for each in samples]) for name in _Tags.__struct_fields__
    }
    return Rows(
        [each.value for each in samples],
        unit=unit,
        counted_as="sample",
        failed=k6_failed(tags, options.column),
        names=k6_names(tags),
        times=stamps(texts([each.time for each in samples])),
        notes=(*heard.notes, *notes),
        skipped=tuple(heard.skipped),
    )


FORMAT = Format[bytes](
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

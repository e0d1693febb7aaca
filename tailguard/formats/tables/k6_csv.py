"""k6's CSV: one row per sample of any metric."""

from tailguard.formats.columns.k6_metric import TAGS, chosen_metric, k6_failed, k6_names, k6_unit
from tailguard.formats.columns.stamps import stamps
from tailguard.formats.content import Options, Rows
from tailguard.formats.format import Format
from tailguard.formats.table import Table

EXAMPLE = """\
metric_name,timestamp,metric_value,error,expected_response,group,method,name,scenario,status
http_req_duration,1700000000,84.25,,true,,GET,https://shop.example/cart,default,200
http_req_waiting,1700000000,80.5,,true,,GET,https://shop.example/cart,default,200
http_req_duration,1700000001,1.2,,false,,GET,https://shop.example/cart,default,503
"""


def _read(table: Table, options: Options) -> Rows:
    tags = [name for name in (*TAGS, "status", "error", "expected_response") if table.has(name)]
    columns = table.read(
        ["metric_name", "timestamp", "metric_value", *tags], skip_bad_rows=options.skip_bad_rows
    )
    of_metric, notes = chosen_metric(columns["metric_name"], options.column)
    cells = {name: column.filter(of_metric) for name, column in columns.cells.items()}
    return Rows(
        cells["metric_value"],
        unit=k6_unit(options.column),
        failed=k6_failed(cells, options.column),
        names=k6_names({name: cells[name] for name in TAGS if name in cells}),
        times=stamps(cells["timestamp"]),
        counted_as="sample",
        notes=(*columns.notes, *notes),
        skipped=columns.skipped,
    )


FORMAT = Format[Table](
    title="k6 samples as CSV",
    made_by="k6 run --out csv=results.csv script.js",
    known_by="a header with `metric_name`, `timestamp` and `metric_value`",
    unit="ms for k6's own times; else the end of the metric's name, or `--unit`",
    failed="`expected_response` is false, `error` is not empty, or (without the first) `status` is 0 or 400 and more",
    names="`method` and `name`; `scenario` and `group` too if there are several; `--column` names another metric",
    example=EXAMPLE,
    latencies_ms=(84.25,),
    fits=lambda table: table.has("metric_name", "timestamp", "metric_value"),
    read=_read,
    columns=None,
)

"""One row per metric, for spreadsheets."""

import csv
import io
from dataclasses import astuple, fields

from tailguard.base.output.escaping import for_csv
from tailguard.compare.run_metrics import RunMetric, metrics
from tailguard.record.run import Run


def export(run: Run) -> dict[str, str]:
    """Return CSV (RFC 4180) with a header; every row has run, time and commit."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["run", "created_utc", "commit", *(field.name for field in fields(RunMetric))])
    record = run.record
    for metric in metrics(record):
        row = [record.id, record.created_utc, record.environment.git.commit or "", *astuple(metric)]
        table.writerow([for_csv(cell) if isinstance(cell, str) else cell for cell in row])
    return {"metrics.csv": text.getvalue()}

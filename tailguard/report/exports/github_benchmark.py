"""github-action-benchmark's `customSmallerIsBetter`: for its charts; its own alarm is a bare ratio, so no gate."""

import json

from tailguard.compare.run_metrics import RunMetric, metrics
from tailguard.record.run import Run


def export(run: Run) -> dict[str, str]:
    """Return a JSON array of name, unit, value, range and extra.

    Throughput and the rates of what was recorded are left out: there more may be better.
    """
    entries = [_entry(metric) for metric in metrics(run.record) if metric.name not in {"throughput", "rate"}]
    return {"github-benchmark.json": json.dumps(entries, ensure_ascii=False, indent=1) + "\n"}


def _entry(metric: RunMetric) -> dict[str, object]:
    extra = [f"n={metric.n}"]
    if metric.limit is not None:
        extra += [f"limit={metric.limit:g}", f"verdict={metric.state}"]
    entry: dict[str, object] = {
        "name": " ".join(part for part in (metric.scenario, metric.step, metric.name) if part),
        "unit": metric.unit,
        "value": metric.value,
        "extra": "\n".join(extra),
    }
    if metric.low is not None and metric.high is not None:
        entry["range"] = f"[{metric.low:.6g}, {metric.high:.6g}]"
    return entry

"""Bencher Metric Format (https://bencher.dev/bmf.json): benchmark -> measure -> value with its interval."""

import json

from tailguard.compare.run_metrics import metrics
from tailguard.record.run import Run

_NS_PER_MS = 1e6  # Bencher's latency is in nanoseconds


def export(run: Run) -> dict[str, str]:
    """Return the object; a scenario's step is a benchmark, its latencies are in ns."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for metric in metrics(run.record):
        benchmark = f"{metric.scenario}/{metric.step}" if metric.step else metric.scenario
        scale = _NS_PER_MS if metric.unit == "ms" else 1.0
        measure = f"latency-{metric.name}" if metric.unit == "ms" else metric.name.replace("_", "-")
        entry = {"value": metric.value * scale}
        for name, bound in (("lower_value", metric.low), ("upper_value", metric.high)):
            if bound is not None:
                entry[name] = bound * scale
        found.setdefault(benchmark, {})[measure] = entry
    return {"bencher.json": json.dumps(found, ensure_ascii=False, indent=1) + "\n"}

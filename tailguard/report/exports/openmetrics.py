"""OpenMetrics text: a histogram per step, with a bucket edge on every limit: CI and production count the same."""

import numpy as np

from tailguard.base.output.escaping import for_label
from tailguard.record.run import Run
from tailguard.report.exports.distributions import Distribution, distributions, judged_objectives

# Edges between the limits, in seconds: three per decade from 1 ms to 10 s.
EDGES_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
NAME = "tailguard_response"


def export(run: Run) -> dict[str, str]:
    """Return the exposition; `le` is in seconds."""
    lines = [
        f"# TYPE {NAME}_seconds histogram",
        f"# UNIT {NAME}_seconds seconds",
        f"# HELP {NAME}_seconds From the intended start to the end of the successful requests of a run.",
    ]
    found = list(distributions(run))
    for each in found:
        lines += _histogram(each, edges_of(run, each.scenario, each.step))
    lines += ["# TYPE tailguard_requests counter", "# HELP tailguard_requests Requests of a run by outcome."]
    for slug, entry in run.record.scenarios.items():
        counts = entry.counts
        for outcome, n in (("ok", counts.ok), ("conflict", counts.conflict), ("error", counts.error)):
            labels = f'scenario="{for_label(slug)}",outcome="{outcome}"'
            lines.append(f"tailguard_requests_total{{{labels}}} {n}")
    return {"metrics.openmetrics": "\n".join([*lines, "# EOF"]) + "\n"}


def edges_of(run: Run, scenario: str, step: str) -> list[float]:
    """Return the bucket edges of a step in seconds: the common ones and its limits."""
    judged = (verdict.objective for verdict in judged_objectives(run))
    limits = {
        each.limit_ms / 1e3
        for each in judged
        if (each.scenario, each.step) == (scenario, step) and each.limit_ms is not None
    }
    return sorted({*EDGES_S, *limits})


def _histogram(each: Distribution, edges_s: list[float]) -> list[str]:
    labels = f'scenario="{for_label(each.scenario)}",step="{for_label(each.step)}"'
    # In ms: the division of the edge is exact where that of the samples is not, and "<=" is the limit's own.
    counts = [int(np.count_nonzero(each.times_ms <= round(edge * 1e3, 9))) for edge in edges_s]
    buckets = [
        f'{NAME}_seconds_bucket{{{labels},le="{edge!r}"}} {count}'
        for edge, count in zip(edges_s, counts, strict=True)
    ]
    n = len(each.times_ms)
    return [
        *buckets,
        f'{NAME}_seconds_bucket{{{labels},le="+Inf"}} {n}',
        f"{NAME}_seconds_count{{{labels}}} {n}",
        f"{NAME}_seconds_sum{{{labels}}} {float(each.times_ms.sum()) / 1e3!r}",
    ]

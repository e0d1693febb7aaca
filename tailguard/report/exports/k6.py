"""k6's `handleSummary` data, so that what reads k6's summaries reads ours."""

import json
from collections.abc import Mapping, Sequence

from tailguard.base.state import State
from tailguard.record.part import Json
from tailguard.record.run import Run
from tailguard.record.scenario import ScenarioEntry
from tailguard.record.verdict import ObjectiveVerdict
from tailguard.report.exports.distributions import Distribution, distributions, judged_objectives


def export(run: Run) -> dict[str, str]:
    """Return metrics by sub-metric name, `http_req_duration{scenario:registration,step:register}`, times in ms."""
    judged, found = list(judged_objectives(run)), dict[str, Json]()
    for each in distributions(run):
        found[f"http_req_duration{{scenario:{each.scenario},step:{each.step}}}"] = _trend(each, judged)
    for slug, entry in run.record.scenarios.items():
        found |= _rates(slug, entry, judged)
    summary = {
        "metrics": found,
        "root_group": {
            "name": "",
            "path": "",
            "id": "",
            "groups": [],
            "checks": _checks(run.record.scenarios),
        },
        "state": {
            "isStdOutTTY": False,
            "isStdErrTTY": False,
            "testRunDurationMs": 1e3 * sum(entry.measured_s for entry in run.record.scenarios.values()),
        },
        "options": {"summaryTrendStats": ["avg", "min", "med", "max", "p(90)", "p(95)", "p(99)", "count"]},
    }
    return {"k6-summary.json": json.dumps(summary, ensure_ascii=False, indent=1) + "\n"}


def _trend(step: Distribution, judged: Sequence[ObjectiveVerdict]) -> dict[str, Json]:
    times = step.times_ms
    values: Json = {
        "avg": float(times.mean()),
        "min": float(times.min()),
        "med": step.quantile_ms(0.5),
        "max": float(times.max()),
        **{f"p({q})": step.quantile_ms(q / 100) for q in (90, 95, 99)},
        "count": len(times),
    }
    thresholds: Json = {
        f"p({each.objective.q * 100:g}){_sign(each)}{each.objective.limit:g}": _held(each)
        for each in judged
        if (each.scenario, each.objective.step) == (step.scenario, step.step) and each.objective.q is not None
    }
    trend: dict[str, Json] = {"type": "trend", "contains": "time", "values": values}
    return trend | _thresholds(thresholds)


def _rates(slug: str, entry: ScenarioEntry, judged: Sequence[ObjectiveVerdict]) -> dict[str, Json]:
    counts = entry.counts
    tried = counts.ok + counts.error
    values: Json = {
        "rate": counts.error / tried if tried else 0.0,
        "passes": counts.error,  # k6 counts the failed requests as the passes of "failed"
        "fails": counts.ok,
    }
    thresholds: Json = {
        f"rate{_sign(each)}{each.objective.limit:g}": _held(each)
        for each in judged
        if each.scenario == slug and each.objective.metric == "error_rate"
    }
    failed: dict[str, Json] = {"type": "rate", "contains": "default", "values": values}
    count: Json = {"count": counts.total, "rate": entry.achieved_rate_per_s}
    return {
        f"http_req_failed{{scenario:{slug}}}": failed | _thresholds(thresholds),
        f"iterations{{scenario:{slug}}}": {"type": "counter", "contains": "default", "values": count},
    }


def _thresholds(found: Json) -> dict[str, Json]:
    """The key is left out if nothing was asked."""
    return {"thresholds": found} if found else {}


def _checks(scenarios: Mapping[str, ScenarioEntry]) -> Json:
    """The invariants, as k6's checks."""
    return [
        {
            "name": f"{slug}: {each.name}",
            "path": f"::{slug}: {each.name}",
            "id": f"{slug}-{number}",
            "passes": int(each.held),
            "fails": int(not each.held),
        }
        for slug, entry in scenarios.items()
        for number, each in enumerate(entry.invariants)
    ]


def _sign(verdict: ObjectiveVerdict) -> str:
    return "<" if verdict.objective.strict else "<="


def _held(verdict: ObjectiveVerdict) -> Json:
    """Whether the threshold holds; undecided and invalid ones do not: k6 knows no third answer."""
    return {"ok": verdict.state is State.PASS}

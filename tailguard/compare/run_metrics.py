"""The numbers of a run as one flat list: what tables and chart services take."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tailguard.record.run import Run

_QUANTILES = ("p50", "p95", "p99")


@dataclass(frozen=True, slots=True)
class Metric:
    """One number with its interval; `limit` and `state` where an objective speaks of it."""

    scenario: str
    step: str
    name: str
    unit: str
    value: float
    low: float | None
    high: float | None
    n: int
    limit: float | None
    state: str


def metrics(run: Run) -> Iterator[Metric]:
    """Yield quantiles of response times in ms, then throughput and error rate of each scenario."""
    verdicts = _verdicts(run)
    for slug, entry in run.record["scenarios"].items():
        for step, found in entry["steps"].items():
            for name in _QUANTILES:
                estimate = found["response_ms"][name]
                if estimate["value"] is not None:
                    yield _metric(slug, step, name, "ms", estimate, verdicts.get((slug, step, name), {}))
        counts = entry["counts"]
        tried = counts["ok"] + counts["error"]
        if tried:
            rate = {"value": counts["error"] / tried, "n": tried}
            yield _metric(slug, "", "error_rate", "ratio", rate, verdicts.get((slug, "", "error_rate"), {}))
        rate = {"value": entry["achieved_rate_per_s"], "n": counts["total"]}
        yield _metric(slug, "", "throughput", "1/s", rate, {})


def _verdicts(run: Run) -> dict[tuple[str, str, str], dict[str, Any]]:
    found = {}
    for verdict in run.record["verdicts"]:
        if verdict["kind"] == "latency":
            found[verdict["scenario"], verdict["step"], f"p{verdict['q'] * 100:g}"] = verdict
        elif verdict["kind"] == "error_rate":
            found[verdict["scenario"], "", "error_rate"] = verdict
    return found


def _metric(
    slug: str, step: str, name: str, unit: str, estimate: dict[str, Any], verdict: dict[str, Any]
) -> Metric:
    limit = verdict.get("limit_ms") if unit == "ms" else verdict.get("max_ratio")
    return Metric(
        slug, step, name, unit, estimate["value"], estimate.get("low"), estimate.get("high"), estimate["n"],
        limit, verdict.get("state", ""),
    )  # fmt: skip

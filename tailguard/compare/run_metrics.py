"""The numbers of a run as one flat list: what tables and chart services take."""

from collections.abc import Iterator
from dataclasses import dataclass

from tailguard.record.objective import RECORDED
from tailguard.record.part import Estimate, Quantile
from tailguard.record.run_record import RunRecord
from tailguard.record.scenario import Counts, MetricEntry
from tailguard.record.verdict import ObjectiveVerdict


@dataclass(frozen=True, slots=True)
class RunMetric:
    """One number; `limit` and `state` if an objective speaks of it, else None and "".

    Its interval is then that of the verdict, the inversion of the test that decided; else that of independent samples.
    """

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


def metrics(record: RunRecord) -> Iterator[RunMetric]:
    """Yield quantiles of response times in ms and of what was recorded, then error rate and throughput of each."""
    judged = [each for each in record.verdicts if isinstance(each, ObjectiveVerdict)]
    for slug, entry in record.scenarios.items():
        mine = [each for each in judged if each.scenario == slug]
        for step, found in entry.steps.items():
            times = found.response_ms
            for quantile in (times.p50, times.p95, times.p99):
                yield from _latency(slug, step, quantile, mine)
        for name, metric in entry.metrics.items():
            yield from _recorded(slug, name, metric, mine)
        yield from _error_rate(slug, entry.counts, mine)
        rate, n = entry.achieved_rate_per_s, entry.counts.total
        yield RunMetric(slug, "", "throughput", "1/s", rate, None, None, n, None, "")


def _recorded(
    slug: str, name: str, found: MetricEntry, judged: list[ObjectiveVerdict]
) -> Iterator[RunMetric]:
    asked = [each for each in judged if each.objective.metric in RECORDED and each.objective.step == name]
    if found.rate is not None:
        judged = [each for each in asked if each.objective.metric == "rate"]
        yield RunMetric(slug, name, "rate", "ratio", found.rate, *_judged(judged, None, found.n))
        return
    for each in (found.values.p50, found.values.p95, found.values.p99):
        if each.value is not None:
            judged = [one for one in asked if one.objective.q == each.q]
            yield RunMetric(slug, name, f"p{each.q * 100:g}", "", each.value, *_judged(judged, each, each.n))


def _latency(slug: str, step: str, found: Quantile, judged: list[ObjectiveVerdict]) -> Iterator[RunMetric]:
    if found.value is None:
        return
    asked = [each for each in judged if (each.objective.step, each.objective.q) == (step, found.q)]
    name = f"p{found.q * 100:g}"
    yield RunMetric(slug, step, name, "ms", found.value, *_judged(asked, found, found.n))


def _error_rate(slug: str, counts: Counts, judged: list[ObjectiveVerdict]) -> Iterator[RunMetric]:
    tried = counts.ok + counts.error
    if not tried:
        return
    asked = [each for each in judged if each.objective.metric == "error_rate"]
    yield RunMetric(slug, "", "error_rate", "ratio", counts.error / tried, *_judged(asked, None, tried))


def _judged(
    asked: list[ObjectiveVerdict], found: Estimate | None, n: int
) -> tuple[float | None, float | None, int, float | None, str]:
    """Return both bounds, n, limit and state.

    Of several objectives of one number they are the last one's, as a reader of a file has one column for it.
    """
    if not asked:
        return (*_bounds(found), n, None, "")
    verdict = asked[-1]
    return (*_bounds(verdict.observed or found), n, verdict.objective.limit, str(verdict.state))


def _bounds(estimate: Estimate | None) -> tuple[float | None, float | None]:
    return (None, None) if estimate is None else (estimate.low, estimate.high)

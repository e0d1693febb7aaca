"""Finished runs of two sides: their samples in, verdicts out, reasons if they must not be compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from tailguard.base.state import State
from tailguard.base.text_format import signed_percent
from tailguard.compare.comparable import differences
from tailguard.compare.comparison import (
    ERROR_MARGIN,
    WATCHED_WHY,
    ComparedMetric,
    allowed_change,
    compared_quantiles,
    guarded,
)
from tailguard.compare.pairs import FEWEST
from tailguard.compare.unit_comparison import RULE as RUNS_RULE
from tailguard.compare.unit_comparison import compare_units
from tailguard.record.objective import Margins
from tailguard.record.run_record import RunRecord
from tailguard.record.verdict import ChangeVerdict

# A file of another tool names neither scenario nor step.
FILE_SCENARIO = "file"
FILE_STEP = "latency"
RANGE_RULE: Final = "range of runs"


@dataclass(frozen=True, slots=True)
class RunSample:
    """One run: latencies in ms of each (scenario, step), the share of errors of each scenario; its record if ours."""

    name: str
    latencies_ms: Mapping[tuple[str, str], NDArray[np.float64]] = field(repr=False)
    failure_rates: Mapping[str, float]
    record: RunRecord | None = field(default=None, repr=False)


def incomparable(baseline: Sequence[RunSample], candidate: Sequence[RunSample]) -> list[str]:
    """Return why the runs must not be compared: each with the first of the baseline."""
    records = [run.record for run in [*baseline, *candidate]]
    if len({record is None for record in records}) > 1:
        return [
            "one side is a run of Tailguard, the other a file of another tool: compare two runs or two files"
        ]
    known = [record for record in records if record is not None]
    found = [text for record in known[1:] for text in differences(known[0], record)]
    return list(dict.fromkeys(found))


def compare_runs(
    baseline: Sequence[RunSample],
    candidate: Sequence[RunSample],
    margins: Margins,
) -> list[ChangeVerdict]:
    """Compare every metric that either side has; Holm's step-down over all of them, as in a duet."""
    metrics = list(dict.fromkeys(key for run in [*baseline, *candidate] for key in run.latencies_ms))
    found = [
        _compare(ComparedMetric(*key, q), baseline, candidate, margins)
        for key in metrics
        for q in compared_quantiles(margins)
    ]
    slugs = dict.fromkeys(slug for run in [*baseline, *candidate] for slug in run.failure_rates)
    found += [_compare_errors(slug, baseline, candidate) for slug in slugs]
    return guarded(found)


def _compare(
    metric: ComparedMetric,
    baseline: Sequence[RunSample],
    candidate: Sequence[RunSample],
    margins: Margins,
) -> ChangeVerdict:
    assert metric.q is not None
    key = (metric.scenario, metric.step)
    sides = [[run.latencies_ms.get(key, np.empty(0)) for run in side] for side in (baseline, candidate)]
    of_step = f"{metric.scenario} {metric.step}"
    if any(len(values) < FEWEST for side in sides for values in side):
        return metric.invalid(RUNS_RULE, f"{of_step} has a run with under {FEWEST} ok samples")
    a, b = (
        [float(np.percentile(run, metric.q * 100, method="inverted_cdf")) for run in side] for side in sides
    )
    if min(a + b) <= 0:
        return metric.invalid(RUNS_RULE, f"{of_step} has a quantile of 0: the clock cannot see this")
    allowed, gated = allowed_change(margins, metric.q)
    margin = max(allowed, _floor_ms(metric, margins) / float(np.median(a)))
    found = compare_units(metric, a, b, margin=margin, gated=gated)
    return found if gated else replace(found, why=found.why + WATCHED_WHY)


def _compare_errors(
    slug: str, baseline: Sequence[RunSample], candidate: Sequence[RunSample]
) -> ChangeVerdict:
    """Compare errors and refusals: the least harmful run of the candidate against the worst of the baseline.

    Rates near 0 have no logarithm and hardly a variance: the candidate FAILs if even its best run is worse than
    the baseline's worst by half the margin, PASSes if its worst is within the margin of the baseline's best.
    """
    a, b = ([run.failure_rates.get(slug, 0.0) for run in side] for side in (baseline, candidate))
    low, high = min(b) - max(a), max(b) - min(a)
    state = State.INCONCLUSIVE
    if low > ERROR_MARGIN / 2:
        state = State.FAIL
    elif high < ERROR_MARGIN:
        state = State.PASS
    estimate = float(np.mean(b) - np.mean(a))
    runs = f"{len(a)} against {len(b)} runs"
    return ChangeVerdict(
        name=ComparedMetric(slug, "", None).verdict_name,
        state=state,
        scenario=slug,
        step="",
        q=None,
        change=estimate,
        low=low,
        high=high,
        margin=ERROR_MARGIN,
        alpha=None,
        p_fail=None,
        pairs=min(len(a), len(b)),
        slower=sum(rate > max(a) for rate in b),
        baseline=float(np.mean(a)),
        candidate=float(np.mean(b)),
        gated=True,
        rule=RANGE_RULE,
        why=f"{runs}, {signed_percent(estimate)} of all requests; no error rate of this rule is known",
    )


def _floor_ms(metric: ComparedMetric, margins: Margins) -> float:
    """The floor is for scenarios: nobody named one for a file."""
    return 0.0 if metric.scenario == FILE_SCENARIO else margins.floor_of(metric.scenario)

"""Finished runs of two sides: units in, comparisons out, reasons where they must not be compared."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tailguard.compare.comparable import differences
from tailguard.compare.comparison import ERROR_MARGIN, FEWEST, WATCHED, Comparison, Metric, guarded
from tailguard.compare.gate import gate_blocks
from tailguard.compare.run_sample import FILE_SCENARIO, FILE_STEP, RunSample
from tailguard.compare.unit_comparison import compare_units
from tailguard.judge.decision import State
from tailguard.judge.margins import Margins

# Pieces of one run that --trust-single-run takes for blocks.
PIECES = 20
TRUSTED = "one run a side, trusted on request: such a gate raises 15-35 % false alarms, whatever its alpha"


def incomparable(baseline: Sequence[RunSample], candidate: Sequence[RunSample]) -> list[str]:
    """Return why the runs must not be compared: each with the first of the baseline."""
    records = [unit.record for unit in [*baseline, *candidate]]
    if len({record is None for record in records}) > 1:
        return ["runs of ours are compared with files of another tool: only like with like"]
    known = [record for record in records if record is not None]
    found = [text for record in known[1:] for text in differences(known[0], record)]
    return list(dict.fromkeys(found))


def compare_runs(
    baseline: Sequence[RunSample],
    candidate: Sequence[RunSample],
    margins: Margins,
    *,
    trust_single: bool = False,
) -> list[Comparison]:
    """Compare every metric that either side has; Holm's step-down over all gated ones, as in a duet."""
    metrics = list(dict.fromkeys(key for unit in [*baseline, *candidate] for key in unit.latencies_ms))
    found = [
        _compare(Metric(*key, q), baseline, candidate, margins, trust_single=trust_single)
        for key in metrics
        for q in (*margins.deltas, *WATCHED)
    ]
    slugs = dict.fromkeys(slug for unit in [*baseline, *candidate] for slug in unit.error_rates)
    found += [_compare_errors(slug, baseline, candidate) for slug in slugs]
    return guarded(found)


def _compare(
    metric: Metric,
    baseline: Sequence[RunSample],
    candidate: Sequence[RunSample],
    margins: Margins,
    *,
    trust_single: bool,
) -> Comparison:
    assert metric.q is not None
    key, gated = (metric.scenario, metric.step), metric.q in margins.deltas
    sides = [[unit.latencies_ms.get(key, np.empty(0)) for unit in side] for side in (baseline, candidate)]
    if any(len(values) < FEWEST for side in sides for values in side):
        return _invalid(metric, f"{metric.scenario} {metric.step} has a run with under {FEWEST} ok samples")
    a, b = (
        [float(np.percentile(run, metric.q * 100, method="inverted_cdf")) for run in side] for side in sides
    )
    typical, floor_ms = float(np.median(a)), _floor(metric, margins)
    margin = max(
        margins.deltas.get(metric.q) or WATCHED[metric.q], floor_ms / typical if typical else math.inf
    )
    if min(a + b) <= 0:
        return _invalid(
            metric, f"{metric.scenario} {metric.step} has a quantile of 0: the clock cannot see this"
        )
    found = compare_units(metric, a, b, margin=margin, gated=gated)
    if trust_single and len(a) == len(b) == 1:
        found = _trusted(found, sides[0][0], sides[1][0])
    return replace(found, why=found.why + ("" if gated else " (watched: only a proved slowdown counts)"))


def _trusted(found: Comparison, a: NDArray[np.float64], b: NDArray[np.float64]) -> Comparison:
    """Take pieces of the two runs for paired blocks: what a duet would say had they run side by side."""
    q = found.metric.q
    assert q is not None
    if min(len(a), len(b)) < PIECES * FEWEST:
        return replace(
            found, why=f"{found.why}; too few samples for {PIECES} pieces of {FEWEST}, even on trust"
        )
    change = gate_blocks(np.array_split(a, PIECES), np.array_split(b, PIECES), q=q, delta=found.margin)
    return replace(
        found,
        state=change.state,
        change=change.ratio - 1,
        low=change.low - 1,
        high=change.high - 1,
        p_fail=change.p_fail,
        pairs=change.pairs,
        why=f"{change.why.replace('pairs', 'pieces')}; {TRUSTED}",
    )


def _compare_errors(slug: str, baseline: Sequence[RunSample], candidate: Sequence[RunSample]) -> Comparison:
    """Compare error rates: the least harmful run of the candidate against the worst of the baseline.

    Rates near 0 have no logarithm and hardly a variance: the candidate FAILs where even its best run is worse than
    the baseline's worst by half the margin, PASSes where its worst is within the margin of the baseline's best.
    """
    metric = Metric(slug, "", None)
    a, b = ([unit.error_rates.get(slug, 0.0) for unit in side] for side in (baseline, candidate))
    low, high = min(b) - max(a), max(b) - min(a)
    state = State.INCONCLUSIVE
    if low > ERROR_MARGIN / 2:
        state = State.FAIL
    elif high < ERROR_MARGIN:
        state = State.PASS
    estimate = float(np.mean(b) - np.mean(a))
    why = f"{len(a)} against {len(b)} runs, {estimate:+.2%} of all requests; no error rate of this rule is known"
    return Comparison(
        metric, state, estimate, low, high, ERROR_MARGIN, 0.0, min(len(a), len(b)),
        sum(rate > max(a) for rate in b), float(np.mean(a)), float(np.mean(b)), gated=True, why=why,
    )  # fmt: skip


def _floor(metric: Metric, margins: Margins) -> float:
    return (
        0.0
        if (metric.scenario, metric.step) == (FILE_SCENARIO, FILE_STEP)
        else margins.floor_of(metric.scenario)
    )


def _invalid(metric: Metric, why: str) -> Comparison:
    nan = math.nan
    return Comparison(metric, State.INVALID, nan, nan, nan, nan, 1.0, 0, 0, nan, nan, gated=True, why=why)

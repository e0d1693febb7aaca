"""A change tried by some workers only: the canary against the rest at the same time, less how they differed before.

The groups are the same processes all the time, and no two processes are equally fast: a difference of 2 % between them
alone would be taken for the change in 12 % of all cases. So each window of time with the change is paired with one
before it, and what is judged is how much more the groups differ. Whatever befalls all workers meets both groups.
"""

import math
from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace

from tailguard.compare.canary.windows import Period, window_count
from tailguard.compare.claim import judge_claim
from tailguard.compare.comparison import (
    RULE,
    ComparedMetric,
    change_verdict,
    compare_rates,
    guarded,
    of_few,
)
from tailguard.compare.gate import Change, inverted_cdf, log_ratios
from tailguard.compare.pairs import FEWEST
from tailguard.record.verdict import ChangeVerdict

_QUANTILES = (0.5, 0.95)


def compare_canary(
    name: str, step: str, before: Period, during: Period, most_ms: float
) -> list[ChangeVerdict]:
    """Judge what the change costs: at most `most_ms` more at p50 and p95, and no more failures.

    PASS and FAIL are each wrong with at most 1 %, a FAIL over all of them; undecided is INCONCLUSIVE. INVALID if a
    group did too little before the change or during it.
    """
    metrics = [ComparedMetric(name, step, q) for q in _QUANTILES] + [ComparedMetric(name, "", None)]
    count = window_count(min(len(group) for each in (before, during) for group in (each.canary, each.rest)))
    pairs = [
        pair
        for pair in zip(before.windows(count), during.windows(count), strict=True)
        if all(each.is_enough for each in pair)
    ]
    if not pairs:
        why = _too_few(before, during)
        return [metric.invalid(RULE, why) for metric in metrics]
    found = [*(_compare_times(each, pairs, most_ms) for each in metrics[:-1]), _failures(metrics[-1], pairs)]
    short = f"; {count - len(pairs)} pairs left out: under {FEWEST} samples" if len(pairs) < count else ""
    told = [replace(each, why=each.why + short) for each in guarded(found)]
    return [of_few(each, len(pairs), len(found)) for each in told]


def _compare_times(
    metric: ComparedMetric, pairs: Sequence[tuple[Period, Period]], most_ms: float
) -> ChangeVerdict:
    q = metric.q
    assert q is not None  # of a time
    between, more = (
        log_ratios([each.rest.ms for each in periods], [each.canary.ms for each in periods], q)[0]
        for periods in zip(*pairs, strict=True)
    )
    rest_ms, canary_ms = (
        np.array([inverted_cdf(each, q) for each in group])
        for group in zip(*((during.rest.ms, during.canary.ms) for _, during in pairs), strict=True)
    )
    unchanged_ms = rest_ms * np.exp(
        between
    )  # what these windows would take the canary's workers without the change
    typical_ms = float(np.median(unchanged_ms))
    change = judge_claim(more - between, most_ms / typical_ms)
    why = _why(change, typical_ms, most_ms)
    return change_verdict(metric, change, unchanged_ms, canary_ms, gated=True, why=why)


def _failures(metric: ComparedMetric, pairs: Sequence[tuple[Period, Period]]) -> ChangeVerdict:
    """Compare with the rest alone: who failed more before the change is not fit to be its canary."""
    rest, canary = (
        np.array([each.failed.mean() for each in group])
        for group in zip(*((during.rest, during.canary) for _, during in pairs), strict=True)
    )
    return compare_rates(metric, rest, canary)


def _why(change: Change, typical_ms: float, most_ms: float) -> str:
    estimate, low, high = (_ms((each - 1) * typical_ms) for each in (change.ratio, change.low, change.high))
    words = {"PASS": "within", "FAIL": "more than", "INCONCLUSIVE": "neither within nor beyond"}
    bounds = f" [{low}, {high}]" if change.low else ""
    return f"{change.pairs} pairs of windows, {estimate}{bounds}: {words[change.state]} {_ms(most_ms)}"


def _ms(ms: float) -> str:
    return f"{ms:+.3g} ms" if math.isfinite(ms) else "?"


def _too_few(before: Period, during: Period) -> str:
    counts = ", ".join(
        f"{len(group)} of {who} {when}"
        for when, period in (("before the change", before), ("with it", during))
        for who, group in (("the canary", period.canary), ("the rest", period.rest))
    )
    return f"no window has {FEWEST} samples of each group: {counts}"

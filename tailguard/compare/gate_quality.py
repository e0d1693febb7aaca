"""How good the gate is on this machine: its false alarms and what it would have found, from a duet's own pairs.

The pairs' log-ratios, with their centre taken away and signs drawn at random, are what pairs of the same code look
like on this machine; with a slowdown added they are pairs of worse code. Many duets are drawn from them and decided
as real ones are.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tailguard.base.errors import UsageError
from tailguard.compare.comparison import ALPHA, Block, ComparedMetric
from tailguard.compare.gate import SHARES, hodges_lehmann, log_ratios, looks_at, p_slower
from tailguard.judge.multiplicity import holm
from tailguard.record.duet import Calibration, Quality
from tailguard.record.verdict import ChangeVerdict

DUETS = 200
INJECTED = 0.10  # the slowdown that the issue of a gate is usually put by
# Pairs for a change of x at alpha 1 %, found 90 % of the time: (3.6 SD / ln(1 + x))^2.
_REACH = 3.6
FEWEST_PAIRS = 9


def ratios_of(
    changes: Sequence[ChangeVerdict], baseline: Sequence[Block], candidate: Sequence[Block]
) -> dict[str, NDArray[np.float64]]:
    """Return ln(candidate / baseline) of each pair, by metric, of those that a duet waits for.

    A metric in which some pair has no ok sample is left out: it has no row of full length.
    """
    found = {}
    for each in changes:
        if each.q is None or not each.gated:
            continue
        a, b = (
            [block[each.scenario].response_ms(each.step) for block in side if each.scenario in block]
            for side in (baseline, candidate)
        )
        try:
            metric = ComparedMetric(each.scenario, each.step, each.q)
            found[metric.title] = log_ratios(a, b, each.q)[0]
        except UsageError:
            continue
    return found


def gate_quality(ratios: Mapping[str, NDArray[np.float64]], pairs: int, seed: int = 1) -> Quality | None:
    """Simulate duets of `pairs` pairs from the log-ratios of each metric, equally many; None if they are too few."""
    names = list(ratios)
    measured = np.array([ratios[name] for name in names])
    if not names or measured.shape[1] < FEWEST_PAIRS or pairs < FEWEST_PAIRS:
        return None
    centred = measured - np.median(measured, axis=1, keepdims=True)
    rng = np.random.default_rng(seed)
    alarms, found_in = 0, []
    for number in range(DUETS):
        drawn = centred[:, rng.integers(0, measured.shape[1], pairs)] * rng.choice([-1.0, 1.0], pairs)
        alarms += _fails_at(drawn) is not None
        drawn[number % len(names)] += math.log1p(INJECTED)
        at = _fails_at(drawn)
        found_in += [] if at is None else [at]
    least = {
        name: math.expm1(_REACH * float(row.std(ddof=1)) / math.sqrt(pairs))
        for name, row in zip(names, measured, strict=True)
    }
    middle = int(np.median(found_in)) if found_in else None
    return Quality(
        duets=DUETS,
        pairs=pairs,
        false_alarms=alarms,
        injected=INJECTED,
        found=len(found_in),
        found_in=middle,
        least_seen=least,
    )


def quality_sentence(quality: Quality) -> str:
    """Return what a reader needs, in one line."""
    found_in = "" if quality.found_in is None else f", in {quality.found_in} pairs at the median"
    worst = max(quality.least_seen.items(), key=lambda item: item[1])
    best = min(quality.least_seen.items(), key=lambda item: item[1])
    return (
        f"false alarms {quality.false_alarms}/{quality.duets}; a slowdown of {quality.injected:.0%} in one metric found"
        f" {quality.found}/{quality.duets}{found_in}; smallest change seen 90 % of the time: {best[1]:.1%} ({best[0]})"
        f" to {worst[1]:.1%} ({worst[0]}). From {quality.pairs} pairs' own noise, {quality.duets} simulated duets"
    )


def calibration_sentence(calibration: Calibration) -> str:
    """Return what both duets of a calibration said, in one line."""
    same, slower = calibration.same_code, calibration.slower
    quality = "too few pairs to say more" if same.quality is None else quality_sentence(same.quality)
    return (
        f"The same code: {same.state} after {same.pairs} pairs; {calibration.fault}: {slower.state} after"
        f" {slower.pairs} pairs. {quality}."
    )


def _fails_at(drawn: NDArray[np.float64]) -> int | None:
    """Return the look at which a FAIL stands, as in a duet: bound above 0, granted by Holm."""
    p_values = np.ones(len(drawn))
    for look in looks_at(drawn.shape[1]):
        p_values = np.minimum(p_values, [p_slower(row[:look]) for row in drawn])
        stands = holm(list(p_values), ALPHA)
        if any(
            stood and hodges_lehmann(row[:look], ALPHA / SHARES)[1] > 0
            for stood, row in zip(stands, drawn, strict=True)
        ):
            return look
    return None

"""How good the gate is on this machine: its false alarms and what it would have found, from a duet's own pairs.

The pairs' log-ratios, with their centre taken away and signs drawn at random, are what pairs of the same code look
like on this machine; with a slowdown added they are pairs of worse code. Many duets are drawn from them and decided
as real ones are.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailguard.base.errors import UsageError
from tailguard.compare.comparison import ALPHA, ComparedMetric
from tailguard.compare.gate import (
    SHARES,
    fewest_pairs,
    hodges_lehmann,
    log_ratios,
    looks_at,
    p_slower,
)
from tailguard.compare.pairs import Block
from tailguard.judge.multiplicity import holm
from tailguard.record.duet import Quality
from tailguard.record.verdict import ChangeVerdict

DUETS = 200
INJECTED = 0.10  # the slowdown that the issue of a gate is usually put by
SEEN = 0.9  # of the time, as the smallest change that is seen is stated
FEWEST_PAIRS = 9


@dataclass(frozen=True, slots=True)
class Noise:
    """What a duet's own pairs tell of its gate.

    Attributes:
        ratios: ln(candidate / baseline) of each pair, by metric, of those that a duet waits for.
        least: ln of the smallest slowdown that may be a FAIL, by metric: half its margin.
        metrics: how many a FAIL must stand among, error rates and watched ones included.
    """

    ratios: Mapping[str, NDArray[np.float64]]
    least: Mapping[str, float]
    metrics: int


def noise_of(
    changes: Sequence[ChangeVerdict], baseline: Sequence[Block], candidate: Sequence[Block]
) -> Noise:
    """Return what the pairs of a comparison tell.

    A metric in which some pair has no ok sample is left out: it has no row of full length.
    """
    ratios, least = {}, {}
    for each in changes:
        if each.q is None or each.margin is None or each.is_claim or not each.gated:
            continue
        a, b = (
            [block[each.scenario].response_ms(each.step) for block in side if each.scenario in block]
            for side in (baseline, candidate)
        )
        title = ComparedMetric(each.scenario, each.step, each.q).title
        try:
            ratios[title] = log_ratios(a, b, each.q)[0]
        except UsageError:
            continue
        least[title] = math.log1p(each.margin) / 2
    return Noise(ratios, least, len(changes))


def gate_quality(noise: Noise, pairs: int) -> Quality | None:
    """Simulate duets of `pairs` pairs; None if they, or the measured ones, are too few for any to FAIL."""
    names = list(noise.ratios)
    measured = np.array([noise.ratios[name] for name in names])
    if not names or measured.shape[1] < FEWEST_PAIRS or pairs < fewest_pairs(noise.metrics, ALPHA):
        return None
    centred = measured - np.median(measured, axis=1, keepdims=True)
    least = np.array([noise.least[name] for name in names])
    rng = np.random.default_rng(1)
    alarms, found_in = 0, []
    needed = np.empty((DUETS, len(names)))
    for number in range(DUETS):
        drawn = centred[:, rng.integers(0, measured.shape[1], pairs)] * rng.choice([-1.0, 1.0], pairs)
        needed[number] = [_needed(row, half, noise.metrics) for row, half in zip(drawn, least, strict=True)]
        alarms += _fails_at(drawn, least, noise.metrics) is not None
        drawn[number % len(names)] += math.log1p(INJECTED)
        at = _fails_at(drawn, least, noise.metrics)
        found_in += [] if at is None else [at]
    seen = np.quantile(needed, SEEN, axis=0, method="inverted_cdf")
    middle = int(np.median(found_in)) if found_in else None
    return Quality(
        duets=DUETS,
        pairs=pairs,
        false_alarms=alarms,
        injected=INJECTED,
        found=len(found_in),
        found_in=middle,
        least_seen={name: math.expm1(float(change)) for name, change in zip(names, seen, strict=True)},
    )


def _needed(drawn: NDArray[np.float64], least: float, metrics: int) -> float:
    """Return the smallest ln of a slowdown that, added to pairs of the same code, is a FAIL among `metrics` metrics.

    A FAIL needs p <= ALPHA / metrics at the end (Holm's first step), which is a bound above 0, and its least estimate.
    """
    estimate, low, _ = hodges_lehmann(drawn, ALPHA / (SHARES * metrics))
    return max(-low, least - estimate)


def _fails_at(drawn: NDArray[np.float64], least: NDArray[np.float64], metrics: int) -> int | None:
    """Return the look at which a FAIL stands, as in a duet: granted by Holm, bound above 0, large enough."""
    p_values = np.ones(metrics)  # of those that no slowdown is simulated in, too
    for look in looks_at(drawn.shape[1]):
        p_values[: len(drawn)] = np.minimum(p_values[: len(drawn)], [p_slower(row[:look]) for row in drawn])
        stands = holm(list(p_values), ALPHA)[: len(drawn)]
        for stood, row, half in zip(stands, drawn, least, strict=True):
            if stood:
                estimate, low, _ = hodges_lehmann(row[:look], ALPHA / SHARES)
                if low > 0 and estimate >= half:
                    return look
    return None

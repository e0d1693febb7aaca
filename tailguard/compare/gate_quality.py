"""How good the gate is on this machine: its false alarms and what it would have found, from a duet's own pairs.

The pairs' log-ratios, with their centre taken away and signs drawn at random, are what pairs of the same code look
like on this machine; with a slowdown added they are pairs of worse code. Many duets are drawn from them and decided
as real ones are.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailguard.compare.gate import SHARES, hodges_lehmann, looks_at, p_slower
from tailguard.judge.multiplicity import holm

DUETS = 200
INJECTED = 0.10  # the slowdown that the issue of a gate is usually put by
# Pairs for a change of x at alpha 1 %, found 90 % of the time: (3.6 SD / ln(1 + x))^2.
_REACH = 3.6
FEWEST_PAIRS = 9
ALPHA = 0.01


@dataclass(frozen=True, slots=True)
class Quality:
    """What simulated duets of `pairs` pairs said.

    `false_alarms` of `duets` of the same code; `found` of `duets` with one metric slower by `INJECTED` found it, in
    `found_in` pairs at the median; `least_seen` is the change seen 90 % of the time, by metric.
    """

    duets: int
    pairs: int
    false_alarms: int
    found: int
    found_in: int | None
    least_seen: Mapping[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Return the entry of the record."""
        return {
            "duets": self.duets,
            "pairs": self.pairs,
            "false_alarms": self.false_alarms,
            "injected": INJECTED,
            "found": self.found,
            "found_in": self.found_in,
            "least_seen": dict(self.least_seen),
            "sentence": self.sentence,
        }

    @property
    def sentence(self) -> str:
        """Return what a reader needs, in one line."""
        found_in = "" if self.found_in is None else f", in {self.found_in} pairs at the median"
        worst = max(self.least_seen.items(), key=lambda item: item[1])
        best = min(self.least_seen.items(), key=lambda item: item[1])
        return (
            f"false alarms {self.false_alarms}/{self.duets}; a slowdown of {INJECTED:.0%} in one metric found"
            f" {self.found}/{self.duets}{found_in}; smallest change seen 90 % of the time: {best[1]:.1%} ({best[0]}) to"
            f" {worst[1]:.1%} ({worst[0]}). From {self.pairs} pairs' own noise, {self.duets} simulated duets"
        )


def gate_quality(ratios: Mapping[str, NDArray[np.float64]], pairs: int, seed: int = 1) -> Quality | None:
    """Simulate duets of `pairs` pairs from the log-ratios of each metric, equally many; None where too few."""
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
    return Quality(DUETS, pairs, alarms, len(found_in), middle, least)


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

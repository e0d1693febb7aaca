"""What each pair of a duet's blocks says of one metric: the numbers that the gate decides on, one a pair."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from tailguard.compare.gate import inverted_cdf
from tailguard.record.samples import OK, Samples
from tailguard.record.verdict import ChangeVerdict

# Blocks of fewer ok samples have no p95 worth the name; such a pair is left out of the metric and counted.
FEWEST = 20

Block: TypeAlias = Mapping[str, Samples]


def pair_changes(
    verdict: ChangeVerdict, baseline: Sequence[Block], candidate: Sequence[Block]
) -> Iterator[tuple[int, float]]:
    """Yield the number of each pair, from 1, and its change: a share of the baseline, or a difference in points.

    A pair without the step, with too few samples, or without a failure that could become fewer has none.
    """
    for number, sides in enumerate(zip(baseline, candidate, strict=True), 1):
        found = [block[verdict.scenario] for block in sides if verdict.scenario in block]
        if len(found) < len(sides):
            continue
        if verdict.q is None:
            a, b = map(failure_rate, found)
            if verdict.in_points:
                yield number, b - a
            elif a:
                yield number, b / a - 1
        elif all(verdict.step in samples.steps for samples in found):
            times_ms = [samples.response_ms(verdict.step) for samples in found]
            if min(map(len, times_ms)) >= FEWEST:
                a, b = (inverted_cdf(each, verdict.q) for each in times_ms)
                yield number, b / a - 1


def failure_rate(samples: Samples) -> float:
    """Errors and refusals over all samples: a candidate that refuses what its baseline served is worse, too."""
    return float(np.mean(samples.outcome != OK)) if len(samples) else 0.0

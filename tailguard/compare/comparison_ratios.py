"""The log-ratios behind a duet's latency verdicts, for what is said of the gate itself."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tailguard.base.errors import UsageError
from tailguard.compare.comparison import Block, Comparison
from tailguard.compare.gate import log_ratios


def ratios_of(
    comparisons: Sequence[Comparison], baseline: Sequence[Block], candidate: Sequence[Block]
) -> dict[str, NDArray[np.float64]]:
    """Return ln(candidate / baseline) of each pair, by metric, of those that a duet waits for.

    A metric in which some pair has no ok sample is left out: it has no row of full length.
    """
    found = {}
    for each in comparisons:
        metric = each.metric
        if metric.q is None or not each.gated:
            continue
        a, b = (
            [block[metric.scenario].response_ms(metric.step) for block in side if metric.scenario in block]
            for side in (baseline, candidate)
        )
        try:
            found[f"{metric.scenario} {metric.name}"] = log_ratios(a, b, metric.q)[0]
        except UsageError:
            continue
    return found

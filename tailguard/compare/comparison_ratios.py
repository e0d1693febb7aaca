"""The log-ratios behind a duet's latency verdicts, for what is said of the gate itself."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tailguard.base.errors import UsageError
from tailguard.compare.comparison import Block, ComparedMetric
from tailguard.compare.gate import log_ratios
from tailguard.record.verdict import ChangeVerdict


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

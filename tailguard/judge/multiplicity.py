"""Many objectives, one run: the chance that any FAIL of the run is false stays at alpha."""

from collections.abc import Sequence
from dataclasses import replace

from tailguard.base.state import State
from tailguard.judge.decision import Decision


def holm(p_values: Sequence[float], alpha: float) -> list[bool]:
    """Return which hypotheses are rejected, with P(any false rejection) <= alpha under any dependence (Holm
    1979).

    1 / max E of an e-value process is such a p-value (Ville; Vovk & Wang 2021). Step down: the smallest p is
    held against alpha / m, the next against alpha / (m - 1), ... until one is too large.
    """
    rejected = [False] * len(p_values)
    for rank, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[i] > alpha / (len(p_values) - rank):
            break
        rejected[i] = True
    return rejected


def correct_fails(decisions: Sequence[Decision]) -> list[Decision]:
    """Turn into INCONCLUSIVE each FAIL that the number of objectives may explain.

    Only FAIL is corrected: a false red build is what makes people mute a guard. Each PASS keeps its own
    alpha, so other objectives, however many, never make a PASS need more samples.
    """
    stands = holm([each.p_fail for each in decisions], min((each.alpha for each in decisions), default=0.01))
    return [
        each if stood or each.state is not State.FAIL else _demoted(each, len(decisions))
        for each, stood in zip(decisions, stands, strict=True)
    ]


def _demoted(decision: Decision, objectives: int) -> Decision:
    corrected = f"not significant after correcting for {objectives} objectives (p = {decision.p_fail:.2g})"
    return replace(decision, state=State.INCONCLUSIVE, why=f"{decision.why}, but {corrected}: measure longer")

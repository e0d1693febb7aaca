"""Many objectives, one run: the chance that any FAIL of the run is false stays at alpha."""

from collections.abc import Sequence
from dataclasses import replace

from tailguard.judge.decision import State, Verdict


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


def guard_family(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Turn into INCONCLUSIVE each FAIL that the number of objectives may explain.

    Only FAIL is corrected: a false red build is what makes people mute a guard. Each PASS keeps its own
    alpha, so a family, however large, never makes a PASS dearer.
    """
    stands = holm([verdict.p_fail for verdict in verdicts], min((v.alpha for v in verdicts), default=0.01))
    return [
        verdict if stood or verdict.state is not State.FAIL else _demoted(verdict, len(verdicts))
        for verdict, stood in zip(verdicts, stands, strict=True)
    ]


def _demoted(verdict: Verdict, family: int) -> Verdict:
    why = f"{verdict.why}; but one of {family} objectives looks as bad by chance (p = {verdict.p_fail:.2g})"
    return replace(verdict, state=State.INCONCLUSIVE, why=f"{why}: measure longer")

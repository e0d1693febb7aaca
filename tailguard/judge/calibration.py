"""How often the judge is wrong, tried on streams whose true share of exceedances is known."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from tailguard.base.state import State
from tailguard.judge.decision import judge_stream
from tailguard.record.objective import Dependence


@dataclass(frozen=True, slots=True)
class Tally:
    """Verdicts on experiments of one known truth: a share `factor` times the allowed one exceeds the limit."""

    factor: float
    experiments: int
    states: Counter[State]
    mean_n: float
    drawn: float
    measured: float

    @property
    def wrong(self) -> int:
        """Verdicts against the truth; at a factor of 1, the very edge, whatever is decided is decided by chance."""
        wrong = self.states[State.PASS] if self.factor >= 1 else 0
        return wrong + (self.states[State.FAIL] if self.factor <= 1 else 0)

    @property
    def wrong_at_most(self) -> float:
        """Upper 95 % bound of the share of wrong verdicts, given so few experiments (Clopper & Pearson 1934)."""
        if self.wrong == self.experiments:
            return 1.0
        return float(betaincinv(self.wrong + 1, self.experiments - self.wrong, 0.95))


def tally(
    exceed: NDArray[np.bool_],
    drawn: NDArray[np.bool_],
    *,
    factor: float,
    experiments: int,
    q: float,
    dependence: Dependence,
) -> Tally:
    """Judge `experiments` consecutive pieces of a measured stream.

    `exceed` says which samples were measured beyond the limit, `drawn` which were made so: if their shares differ,
    the machine added exceedances of its own.
    """
    decisions = [
        judge_stream(piece, q, dependence=dependence) for piece in np.array_split(exceed, experiments)
    ]
    return Tally(
        factor,
        experiments,
        Counter(each.state for each in decisions),
        float(np.mean([each.n for each in decisions])),
        float(drawn.mean()),
        float(exceed.mean()),
    )

"""The decidability lint: which objectives the planned samples can never decide, and what would do."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from tailguard.judge.evidence import cumulative
from tailguard.judge.sequential import look, look_counts
from tailguard.record.objective import Dependence, Objective, Objectives, Rule

# Beyond this many samples nobody waits for a PASS; it also ends the search for an impossible one.
MOST_SAMPLES = 10_000_000


@dataclass(frozen=True, slots=True)
class SampleBudget:
    """What a run means to spend on one scenario."""

    rate_per_s: float
    max_samples: int
    max_seconds: float

    @property
    def samples(self) -> int:
        """The samples that come of it at most."""
        return min(self.max_samples, math.floor(self.rate_per_s * self.max_seconds))


@dataclass(frozen=True, slots=True)
class Undecidable:
    """An objective that cannot PASS even if no sample exceeds its limit, and the remedy."""

    objective: str
    samples: int
    needed: int
    remedy: str

    def __str__(self) -> str:
        return (
            f"{self.objective}: {self.samples} samples planned; a PASS needs at least {self.needed}"
            f" even if none exceeds the limit: {self.remedy}"
        )


def samples_for_pass(p0: float, alpha: float = 0.01, dependence: Dependence | None = None) -> int:
    """Return the fewest samples, none of them exceeding, that make a PASS.

    With `dependence` for the sequential rule, on its grid of looks; without, for a number fixed beforehand, where the
    exact binomial needs (1 - p0)^n <= alpha: 459 at p0 = 1 % and alpha = 1 %.
    """
    if dependence is None:
        return math.ceil(math.log(alpha) / math.log1p(-p0))
    return _sequential_samples(p0, alpha, dependence)


@cache
def _sequential_samples(p0: float, alpha: float, dependence: Dependence) -> int:
    needed = math.log(1 / alpha)
    low, high = 0, MOST_SAMPLES
    for n in look_counts(Rule(alpha=alpha, dependence=dependence)):
        if n > MOST_SAMPLES or look(_none_exceed(n), n, p0, dependence).ln_pass >= needed:
            high = n
            break
        low = n
    if low == 0:  # decided at the first look, which a finished run of fewer samples need not wait for
        low = 1
    while high - low > 1:  # a run may end between two looks of the grid: its end is a look too
        middle = (low + high) // 2
        if look(_none_exceed(middle), middle, p0, dependence).ln_pass >= needed:
            high = middle
        else:
            low = middle
    return high


def lint(objectives: Objectives, budgets: Mapping[str, SampleBudget]) -> list[Undecidable]:
    """Return the objectives that the budgets of their scenarios, by slug, cannot decide; others are left alone."""
    found = []
    for item in objectives.items:
        budget = budgets.get(item.scenario)
        needed = needed_for(item, objectives.rules[item.scenario])
        if budget is not None and budget.samples < needed:
            found.append(Undecidable(item.name, budget.samples, needed, _remedy(budget, needed)))
    return found


def needed_for(objective: Objective, rule: Rule) -> int:
    """Return the fewest samples that can PASS an objective by the rule of its scenario."""
    return samples_for_pass(objective.p0, rule.alpha, rule.dependence)


def _remedy(budget: SampleBudget, needed: int) -> str:
    seconds, rate = math.ceil(needed / budget.rate_per_s), math.ceil(needed / budget.max_seconds)
    ways = (
        [f"run {seconds} s or raise the rate to {rate}/s"]
        if budget.rate_per_s * budget.max_seconds < needed
        else []
    )
    ways += [f"allow {needed} samples (max_samples)"] if budget.max_samples < needed else []
    return " and ".join(ways)


def _none_exceed(n: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return cumulative(np.zeros(n, bool))

"""The interval shown beside a verdict: the inversion of the very test that decided.

Its bounds are the limits at which the same look at the same samples, clusters and burst guard included, would just say
PASS or just say FAIL. So the upper bound is within the limit if, and only if, it is a PASS. tau is that of the
objective's own limit for all others.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from tailguard.engine.quantiles import estimate
from tailguard.judge.decision import Decision, exact_tails
from tailguard.judge.sequential import Look, failing_evidence, passing_evidence
from tailguard.record.objective import Objective
from tailguard.record.part import Estimate

# A bound of a rate is sought until it is known to this share of itself: three digits are shown.
PRECISION = 1e-4


@dataclass(frozen=True, slots=True)
class Test:
    """The test of one look: whether k of its n samples, at an allowed share p, are a PASS or a FAIL."""

    __test__ = False

    n: int
    passes: Callable[[int, float], bool]
    fails: Callable[[int, float], bool]

    def most_passing(self, k: int, p0: float) -> int | None:
        """Return the most exceedances that are a PASS, beside the k that there are; None if not even 0 is one."""
        if self.passes(k, p0):
            return _last(lambda more: self.passes(more, p0), k, self.n + 1)
        return _last(lambda fewer: self.passes(fewer, p0), 0, k) if k and self.passes(0, p0) else None

    def fewest_failing(self, k: int, p0: float) -> int | None:
        """Return the fewest exceedances that are a FAIL, beside the k that there are; None if not even n are."""
        if self.fails(k, p0):
            return _last(lambda fewer: not self.fails(fewer, p0), -1, k) + 1
        return _last(lambda more: not self.fails(more, p0), k, self.n) + 1 if self.fails(self.n, p0) else None

    def rate(self, k: int, p0: float) -> tuple[float, float]:
        """Return the largest allowed share that k would breach, and the smallest that it would keep."""
        share = k / self.n
        low = _edge(lambda p: self.fails(k, p), p0, 0.0, share) if k else 0.0
        high = _edge(lambda p: self.passes(k, p), p0, 1.0, share) if k < self.n else 1.0
        return low, high


def observed_latency(
    values_ms: NDArray[np.float64], objective: Objective, decision: Decision
) -> Estimate | None:
    """Return the objective's quantile of latencies in time order, in ms, or of numbers; None of too few to have it."""
    assert objective.q is not None
    value = estimate(values_ms, objective.q).value
    if value is None:
        return None
    bounds = []
    for test, k in tests_of(decision):
        most, fewest = test.most_passing(k, objective.p0), test.fewest_failing(k, objective.p0)
        ranks = [None if fewest is None else test.n - fewest, None if most is None else test.n - most - 1]
        kept = [rank for rank in ranks if rank is not None]
        ordered = np.partition(values_ms[: test.n], kept) if kept else values_ms
        low, high = (None if rank is None else float(ordered[rank]) for rank in ranks)
        bounds.append((-math.inf if low is None else low, math.inf if high is None else high))
    return _estimate(value, bounds, len(values_ms), decision)


def observed_rate(n: int, k: int, objective: Objective, decision: Decision) -> Estimate | None:
    """Return the objective's rate, k of n exceed; None of nothing. Of one with a least share, that of the others."""
    if n == 0:
        return None
    bounds = [test.rate(at, objective.p0) for test, at in tests_of(decision)]
    exceeding = _estimate(k / n, bounds, n, decision)
    if objective.min_ratio is None or exceeding is None or exceeding.value is None:
        return exceeding
    low, high = (None if each is None else 1 - each for each in (exceeding.high, exceeding.low))
    return replace(exceeding, value=1 - exceeding.value, low=low, high=high)


def tests_of(decision: Decision) -> list[tuple[Test, int]]:
    """Return the tests that a decision rests on, each with the exceedances of its look.

    None if the order of the samples is lost, so that nothing is known of bursts.
    """
    if decision.rule == "sequential":
        return [(_of_look(look, decision), look.exceedances) for look in decision.looks]
    if decision.dependence == "bursty" or not decision.n:
        return []
    n, alpha = decision.n, decision.alpha
    exact = Test(
        n,
        lambda k, p: exact_tails(n, k, p)[0] <= alpha,
        lambda k, p: exact_tails(n, k, p)[1] <= alpha,
    )
    return [(exact, decision.exceedances)]


def _of_look(look: Look, decision: Decision) -> Test:
    needed = math.log(1 / decision.alpha)
    return Test(
        look.n,
        lambda k, p: passing_evidence(k, look.n, look.tau, p, decision.dependence) >= needed,
        lambda k, p: failing_evidence(k, look.n, look.tau, p) >= needed,
    )


def _estimate(
    value: float, bounds: Sequence[tuple[float, float]], n: int, decision: Decision
) -> Estimate | None:
    """Put the bounds of several looks together: each holds, and what was observed of all lies within.

    If one look says PASS and another FAIL, the interval reaches from one to the other.
    """
    low = max((low for low, _ in bounds), default=-math.inf)
    high = min((high for _, high in bounds), default=math.inf)
    low, high = min(low, high, value), max(low, high, value)
    return Estimate(
        value=value,
        low=low if math.isfinite(low) else None,
        high=high if math.isfinite(high) else None,
        level=round(1 - 2 * decision.alpha, 12),
        n=n,
    )


def _last(holds: Callable[[int], bool], first: int, end: int) -> int:
    """Return the last number from `first`, for which it holds, before `end`, for which it does not."""
    while end - first > 1:
        middle = (first + end) // 2
        first, end = (middle, end) if holds(middle) else (first, middle)
    return first


def _edge(decides: Callable[[float], bool], p0: float, far: float, near: float) -> float:
    """Return the share nearest to `near` that decides, sought on the side of p0 where it lies; `far` if none does.

    `near` is what was observed, which decides nothing; `far` is 0 or 1.
    """
    decided, open_ = (p0, near) if decides(p0) else (far, p0)
    while abs(decided - open_) > PRECISION * max(min(decided, 1 - decided), PRECISION):
        middle = (decided + open_) / 2
        decided, open_ = (middle, open_) if 0 < middle < 1 and decides(middle) else (decided, middle)
    return decided

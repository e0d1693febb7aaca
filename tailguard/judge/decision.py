"""The judge: counts or a 0/1 stream in, a verdict with its evidence out. Pure: no clock, no file, no
threshold of its own.

A latency objective "p95 <= 215 ms" is "at most p0 = 5 % take longer": a sample exceeds or it does not, and
the share of exceedances is tested. Error and retry rates are the same test with another p0.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, bdtrc  # scipy.stats says the same and takes a second to import

from tailguard.base.errors import UsageError
from tailguard.base.state import State
from tailguard.base.text_format import ratio
from tailguard.judge.budget import samples_for_pass
from tailguard.judge.caution import Caution
from tailguard.judge.evidence import cumulative, inflation
from tailguard.judge.sequential import Look, checked_rule, looks
from tailguard.record.objective import Dependence, Rule

# Independent samples show a tau up to this by chance; it is only named in the verdict beyond.
CLUSTERED = 1.5


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer about one share of exceedances.

    `n` and `exceedances` are those of the deciding look (all samples if nothing was decided); `p_fail`
    bounds the chance of evidence this strong against the objective if it is in truth met; `tau` is 1 without
    clusters. `looks` are those that the sequential rule rests on: the first that decides either way, and the last.
    """

    state: State
    n: int
    exceedances: int
    why: str
    rule: Literal["exact binomial", "sequential"] = "sequential"
    dependence: Dependence = "bursty"
    alpha: float = 0.01
    tau: float = 1.0
    p_fail: float = 1.0
    looks: tuple[Look, ...] = ()

    def against(self, caution: Caution) -> "Decision":
        """Return the decision with all that is said against it."""
        state, why = caution.weigh(self.state, self.why)
        return replace(self, state=state, why=why)


def exact_tails(n: int, k: int, p0: float) -> tuple[float, float]:
    """Return P(X <= k) and P(X >= k) of a binomial (n, p0) X.

    Rounded, so that a chance of exactly alpha counts as it: 1 exceedance of 1 at p0 = alpha.
    """
    return round(float(bdtr(k, n, p0)), 15), round(float(bdtrc(k - 1, n, p0)), 15) if k else 1.0


def judge_counts(
    n: int, k: int, q: float | None = None, *, p0: float | None = None, alpha: float = 0.01
) -> Decision:
    """Judge k exceedances among n independent samples whose number was fixed beforehand (Clopper & Pearson
    1934).

    PASS if P(X <= k) <= alpha at p = p0, FAIL if P(X >= k) <= alpha; X is binomial (n, p0). State the
    quantile `q` of a latency objective or the allowed share `p0` of a rate.
    """
    p0 = _allowed(q, p0)
    rule = checked_rule(alpha, "independent")
    if not 0 <= k <= n:
        raise UsageError(
            f"{k} exceedances among {n} samples: counts are whole, and the part at most the whole"
        )
    if n == 0:
        return _no_samples(rule, "exact binomial")
    p_pass, p_fail = exact_tails(n, k, p0)
    state = State.PASS if p_pass <= alpha else State.FAIL if p_fail <= alpha else State.INCONCLUSIVE
    why = f"{_share(k, n)} exceed against {ratio(p0)} allowed: {_sentence(state, alpha)}"
    return Decision(state, n, k, why, "exact binomial", "independent", alpha, 1.0, p_fail)


def judge_stream(
    exceed: ArrayLike, q: float, *, alpha: float = 0.01, dependence: Dependence = "bursty"
) -> Decision:
    """Judge a 0/1 stream in time order, whose length is the budget; `.n` says how many samples it took.

    Raises UsageError if `exceed` is not one row of 0 and 1.
    """
    rule = checked_rule(alpha, dependence)
    p0 = _allowed(q, None)
    return judge_looks(looks(cumulative(_zeros_and_ones(exceed)), p0, rule), rule, p0)


def judge_looks(seen: list[Look], rule: Rule, p0: float) -> Decision:
    """Return the verdict of the first look that decides, unless what came after it says the opposite.

    The opposite is a decision for the other side, or a share of all samples on the other side of the allowed one:
    sampling goes on after a decision if another objective needs it, and a PASS over a quantile beyond its limit
    would rightly not be believed. This only ever takes decisions away, so the error rates hold.
    """
    if not seen:
        return _no_samples(rule, "sequential")
    needed = math.log(1 / rule.alpha)
    passed = next((a for a in seen if a.ln_pass >= needed), None)
    failed = next((a for a in seen if a.ln_fail >= needed), None)
    p_fail = math.exp(-max(0.0, *(a.ln_fail for a in seen)))
    at = passed or failed or seen[-1]
    state = State.PASS if passed else State.FAIL if failed else State.INCONCLUSIVE
    why = f"{_share(at.exceedances, at.n)} exceed: {_sentence(state, rule.alpha)}{_clusters(at.tau)}"
    if turned := _turned(passed, failed, seen[-1], p0):
        state, at, why = State.INCONCLUSIVE, seen[-1], f"{turned}: the level changed while it was measured"
    rested = tuple(dict.fromkeys(each for each in (passed, failed, seen[-1]) if each))
    return Decision(
        state, at.n, at.exceedances, why, "sequential", rule.dependence, rule.alpha, at.tau, p_fail, rested
    )


def _turned(passed: Look | None, failed: Look | None, end: Look, p0: float) -> str:
    """Say how the samples after a decision contradict it; "" if they do not."""
    if passed and failed:
        return f"passes at n = {passed.n:,} but fails at n = {failed.n:,}"
    over = end.exceedances > p0 * end.n
    in_all = f"but {_share(end.exceedances, end.n)} exceed in all"
    if passed and over:
        return f"passes at n = {passed.n:,}, {in_all}, more than allowed"
    if failed and not over:
        return f"fails at n = {failed.n:,}, {in_all}, no more than allowed"
    return ""


def _allowed(q: float | None, p0: float | None) -> float:
    """Return the share of exceedances allowed, from a quantile or as it is."""
    if (q is None) == (p0 is None):
        raise UsageError("state either the quantile q (0.95) or the allowed share p0 (0.05)")
    # 1 - 0.95 is 0.050000000000000044: rounding keeps stated and computed shares the same number.
    share = round(1 - q, 12) if q is not None else p0
    if share is None or not 0 < share < 1:
        raise UsageError(
            f"q={q}, p0={p0}: a quantile or share lies between 0 and 1, such as q=0.95 or p0=0.01"
        )
    return share


def _zeros_and_ones(exceed: ArrayLike) -> NDArray[np.bool_]:
    stream = np.asarray(exceed)
    if stream.ndim != 1:
        raise UsageError(f"the stream has {stream.ndim} dimensions; it is one row of 0 and 1 in time order")
    wrong = np.flatnonzero((stream != 0) & (stream != 1))
    if wrong.size:
        raise UsageError(
            f"row {wrong[0]} of the stream is {stream[wrong[0]]}; each is 0 or 1 (exceeds the limit)"
        )
    return stream.astype(bool)


def _no_samples(rule: Rule, name: Literal["exact binomial", "sequential"]) -> Decision:
    return Decision(
        State.INVALID, 0, 0, "no samples: nothing was measured", name, rule.dependence, rule.alpha
    )


def judge_finished(exceed: NDArray[np.bool_], p0: float, alpha: float, dependence: Dependence) -> Decision:
    """Judge all that was ever measured, in time order: say how few of it were needed, or how many a PASS takes."""
    decision = _by_rule(exceed, p0, alpha, dependence)
    if decision.state is not State.INCONCLUSIVE:
        return replace(decision, why=decision.why + _rest(decision.n, len(exceed)))
    needed, fixed = samples_for_pass(p0, alpha, dependence), samples_for_pass(p0, alpha)
    if decision.rule == "exact binomial":
        needed = fixed
    if decision.n >= needed:
        return decision
    sooner = f" ({fixed:,} with --dependence independent, if they are)" if dependence == "bursty" else ""
    return replace(decision, why=f"{decision.why}; a PASS needs at least {needed:,} samples{sooner}")


def _rest(n: int, all_samples: int) -> str:
    return f"; {n:,} of {all_samples:,} samples were needed" if n < all_samples else ""


def _by_rule(exceed: NDArray[np.bool_], p0: float, alpha: float, dependence: Dependence) -> Decision:
    """Judge independent samples by the exact binomial, which needs fewest, others in time order."""
    if dependence == "bursty":
        rule = checked_rule(alpha, dependence)
        return judge_looks(looks(cumulative(exceed), p0, rule), rule, p0)
    decision = judge_counts(len(exceed), int(exceed.sum()), p0=p0, alpha=alpha)
    tau = inflation(cumulative(exceed), len(exceed)) if len(exceed) else 1.0
    doubt = f"; but exceedances cluster (tau {tau:.1f}): are they independent?" if tau > CLUSTERED else ""
    return replace(decision, tau=tau, why=decision.why + doubt)


def _share(k: int, n: int) -> str:
    return f"{k:,} of {n:,} ({ratio(k / n)})"


def _sentence(state: State, alpha: float) -> str:
    if state is State.PASS:
        return f"fewer than allowed, wrong at most {ratio(alpha)} of the time"
    if state is State.FAIL:
        return f"more than allowed, wrong at most {ratio(alpha)} of the time"
    return f"too few samples or too close to the limit to say with {ratio(1 - alpha)} confidence"


def _clusters(tau: float) -> str:
    return f"; exceedances cluster (tau {tau:.1f}), so they count for less" if tau > CLUSTERED else ""

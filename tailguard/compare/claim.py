"""Is a claimed gain true? At least so much is CONFIRMED (PASS), less is REFUTED (FAIL), else it is UNDECIDED."""

import math
from collections.abc import Sequence
from functools import cache, partial
from typing import Final

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from scipy.special import bdtrc

from tailguard.base.state import State
from tailguard.base.text_format import ratio, signed_percent
from tailguard.compare.comparison import (
    ALPHA,
    RULE,
    ComparedMetric,
    Latencies,
    change_verdict,
    compare_blocks,
    compare_latencies,
    having,
)
from tailguard.compare.gate import (
    SHARES,
    Change,
    first_decided,
    hodges_lehmann,
    log_ratios,
    looks_at,
    p_slower,
)
from tailguard.compare.gate_sentences import claim_sentence
from tailguard.compare.pairs import Block, failure_rate
from tailguard.record.duet import Claim
from tailguard.record.objective import Margins
from tailguard.record.part import finite
from tailguard.record.samples import Samples
from tailguard.record.verdict import ChangeVerdict

SIGN_RULE: Final = "sign bound on paired blocks"


def compare_sides(
    baseline: Sequence[Block], candidate: Sequence[Block], margins: Margins, claim: Claim | None
) -> list[ChangeVerdict]:
    """Compare all metrics; with a claim, judge that and errors, and watch the other times."""
    found = compare_blocks(baseline, candidate, margins)
    if claim is None:
        return found
    claimed = (claim.scenario, claim.step, claim.q)
    others = [each for each in found if (each.scenario, each.step, each.q) != claimed]
    return [
        _judged(claim, baseline, candidate),
        *(each if each.is_rate else replace(each, gated=False) for each in others),
    ]


def _judged(claim: Claim, baseline: Sequence[Block], candidate: Sequence[Block]) -> ChangeVerdict:
    metric = ComparedMetric(claim.scenario, claim.step, claim.q)
    sides = [having(metric, side) for side in (baseline, candidate)]
    if any(len(side) < len(baseline) for side in sides):
        missing = f"{claim.scenario} {claim.step}".rstrip()
        found = metric.invalid(SIGN_RULE if claim.q is None else RULE, f"{missing} is missing on a side")
    elif claim.q is None:
        found = _judged_rates(metric, sides, claim.change)
    else:
        found = compare_latencies(metric, claim.q, sides, partial(_decide_times, claim), gated=True)
    return replace(found, name=f"{claim_sentence(claim)} against the baseline")


def _decide_times(claim: Claim, a: Latencies, b: Latencies) -> Change:
    assert claim.q is not None  # it is about times
    return judge_claim(log_ratios(a, b, claim.q)[0], claim.change)


def _judged_rates(
    metric: ComparedMetric, sides: Sequence[Sequence[Samples]], claimed: float
) -> ChangeVerdict:
    a, b = (np.array([failure_rate(samples) for samples in side]) for side in sides)
    change = judge_rates(a, b, claimed)
    return replace(
        change_verdict(metric, change, a, b, gated=True, why=change.why),
        change=finite(change.ratio - 1),
        high=finite(change.high - 1),  # -100 % bounds something here: no failure at all
        baseline=float(a[: change.pairs].mean()),
        candidate=float(b[: change.pairs].mean()),
        rule=SIGN_RULE,
    )


def judge_rates(a: NDArray[np.float64], b: NDArray[np.float64], claimed: float) -> Change:
    """Decide from the failure rates of each pair whether b is less than 1 + `claimed` times a (-0.4: 40 % fewer).

    An exact sign test, a pair being one observation: failures come in bursts, so that requests are none. A pair speaks
    for the claim, against it, or (if nothing failed) for neither answer. CONFIRMED if so many pairs speak for it as
    chance brings with at most ALPHA over all looks (Bonferroni), REFUTED if so many speak against it; and the rates of
    all pairs together must say the same, as a rare bad block would not show in the pairs.
    """
    return first_decided([_decide_rates(a[:pairs], b[:pairs], 1 + claimed) for pairs in looks_at(len(a))])


def _decide_rates(a: NDArray[np.float64], b: NDArray[np.float64], factor: float) -> Change:
    n, failed = len(a), (a > 0) | (b > 0)
    ratios = np.divide(b, a, out=np.full(n, math.inf), where=a > 0)
    chances = _chances(n)
    fewest = int((chances > ALPHA / SHARES).sum())
    bounded = fewest <= n
    low = float(np.sort(np.where(failed, ratios, 0.0))[n - fewest]) if bounded else 0.0
    high = float(np.sort(ratios)[fewest - 1]) if bounded else math.inf
    state, words = State.INCONCLUSIVE, "UNDECIDED" if failed.any() else "UNDECIDED, as nothing failed"
    if high < factor and b.mean() < factor * a.mean():
        state, words = State.PASS, "CONFIRMED"
    elif low > factor and b.mean() > factor * a.mean():
        state, words = State.FAIL, f"REFUTED: {_less(math.log(low), math.log(high))}"
    p = min(1.0, SHARES * float(chances[(b > factor * a).sum()]))
    middle = float(np.median(ratios[failed])) if failed.any() else math.nan
    rates = f"{ratio(a.mean())} → {ratio(b.mean())} of all requests"
    why = f"{n} pairs, {rates}, claimed {signed_percent(factor - 1)}: {words}"
    return Change(state, middle, low, high, n, factor, p, why)


@cache
def _chances(n: int) -> NDArray[np.float64]:
    """Return how likely k or more of n fair coins show heads, k = 0 ... n."""
    return np.asarray(bdtrc(np.arange(-1, n), n, 0.5))


def judge_claim(d: NDArray[np.float64], claimed: float) -> Change:
    """Decide from ln(candidate / baseline) of each pair whether the change is at most `claimed` (-0.6: 60 % less).

    CONFIRMED if the upper bound of the centre is at or below ln(1 + claimed), REFUTED if the lower one is above it.
    Each is wrong with at most ALPHA over all looks (Bonferroni; exact signed-rank bounds, Hodges & Lehmann 1963).
    """
    margin = math.log1p(claimed)
    return first_decided([_decide(d[:pairs], margin) for pairs in looks_at(len(d))])


def _decide(d: NDArray[np.float64], margin: float) -> Change:
    estimate, low, high = hodges_lehmann(d, ALPHA / SHARES)
    if high <= margin:
        state, words = State.PASS, "CONFIRMED"
    elif low <= margin:
        state, words = State.INCONCLUSIVE, "UNDECIDED"
    else:
        state, words = State.FAIL, f"REFUTED: {_less(low, high)}"
    found, claimed = (signed_percent(math.expm1(each)) for each in (estimate, margin))
    why = f"{len(d)} pairs, {found}, claimed {claimed}: {words}"
    return Change(
        state,
        math.exp(estimate),
        math.exp(low),
        math.exp(high),
        len(d),
        math.exp(margin),
        p_slower(d - margin),
        why,
    )


def _less(low: float, high: float) -> str:
    if high < 0:
        return "better, but less than claimed"
    return "worse, not better" if low > 0 else "not shown to be better at all"

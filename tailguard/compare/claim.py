"""Is a claimed gain true? At least so much is CONFIRMED (PASS), less is REFUTED (FAIL), else it is UNDECIDED."""

import math
from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from tailguard.base.state import State
from tailguard.compare.comparison import ALPHA, ComparedMetric, change_verdict, compare_blocks, having
from tailguard.compare.gate import (
    SHARES,
    Change,
    hodges_lehmann,
    inverted_cdf,
    log_ratios,
    looks_at,
    p_slower,
)
from tailguard.compare.gate_sentences import claim_sentence
from tailguard.compare.pairs import FEWEST, Block
from tailguard.record.duet import Claim
from tailguard.record.objective import Margins
from tailguard.record.verdict import ChangeVerdict


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
    named = f"{claim_sentence(claim)} against the baseline"
    sides = [having(metric, side) for side in (baseline, candidate)]
    rows = [[samples.response_ms(claim.step) for samples in side] for side in sides]
    whole = all(len(side) == len(baseline) for side in rows)
    kept = [(a, b) for a, b in zip(*rows, strict=whole) if min(len(a), len(b)) >= FEWEST]
    if not whole or not kept:
        missing = f"{claim.scenario} {claim.step} is missing on a side"
        why = f"no pair has {FEWEST} ok samples on both sides" if whole else missing
        return replace(metric.invalid("signed-rank bound on paired blocks", why), name=named)
    a, b = [pair[0] for pair in kept], [pair[1] for pair in kept]
    change = judge_claim(log_ratios(a, b, claim.q)[0], claim.change)
    medians = (np.array([inverted_cdf(block, claim.q) for block in side]) for side in (a, b))
    return replace(change_verdict(metric, change, *medians, gated=True, why=change.why), name=named)


def judge_claim(d: NDArray[np.float64], claimed: float) -> Change:
    """Decide from ln(candidate / baseline) of each pair whether the change is at most `claimed` (-0.6: 60 % less).

    CONFIRMED if the upper bound of the centre is at or below ln(1 + claimed), REFUTED if the lower one is above it.
    Each is wrong with at most ALPHA over all looks (Bonferroni; exact signed-rank bounds, Hodges & Lehmann 1963).
    """
    margin = math.log1p(claimed)
    found = [_decide(d[:pairs], margin) for pairs in looks_at(len(d))]
    return next((each for each in found if each.state is not State.INCONCLUSIVE), found[-1])


def _decide(d: NDArray[np.float64], margin: float) -> Change:
    estimate, low, high = hodges_lehmann(d, ALPHA / SHARES)
    if high <= margin:
        state, words = State.PASS, "CONFIRMED"
    elif low <= margin:
        state, words = State.INCONCLUSIVE, "UNDECIDED"
    else:
        state, words = State.FAIL, f"REFUTED: {_less(low, high)}"
    why = f"{len(d)} pairs, {math.expm1(estimate):+.1%}, claimed {math.expm1(margin):+.1%}: {words}"
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

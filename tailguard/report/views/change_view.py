"""A change against the baseline in words: a share of it for times, blocks and claims, points for other errors."""

from functools import partial

from tailguard.record.verdict import ChangeVerdict, PlanVerdict
from tailguard.report.views import numbers

_AGAINST = " against the baseline"
PAIRED = (
    "The change is estimated from each pair, so it may differ from what the two medians suggest if the machine was"
    " noisy."
)


def metric_of(verdict: ChangeVerdict | PlanVerdict) -> str:
    """The metric's name without what every line of a duet says."""
    return verdict.name.removesuffix(_AGAINST)


def signed(verdict: ChangeVerdict, value: float | None) -> str:
    """`value` of this verdict with its sign: `+3.2 %` of the baseline, or `+0.5 points` of all requests."""
    return numbers.signed_points(value) if verdict.in_points else numbers.signed_percent(value)


def bounds(verdict: ChangeVerdict) -> str:
    """Both bounds of the change."""
    return numbers.between(verdict.low, verdict.high, partial(signed, verdict), "no bounds")


def margin(verdict: ChangeVerdict) -> str:
    """How much worse the candidate may be."""
    if verdict.margin is None:
        return "none recorded"
    return f"{'≤' if verdict.is_claim else '<'} {signed(verdict, verdict.margin)}"


def side(verdict: ChangeVerdict, value: float | None) -> str:
    """The baseline's or the candidate's value in the metric's own unit."""
    return numbers.percent(value) if verdict.is_rate else numbers.ms(value)


def arrow(before: str, after: str) -> str:
    """`1.5 ms → 1.7 ms`; empty if one of them is absent."""
    return "" if numbers.ABSENT in (before, after) else f"{before} → {after}"


def is_unlike_medians(verdict: ChangeVerdict) -> bool:
    """Whether the medians of both sides suggest a change outside the paired estimate's bounds, or of another sign."""
    if verdict.is_rate or verdict.change is None or not verdict.baseline or verdict.candidate is None:
        return False
    suggested = verdict.candidate / verdict.baseline - 1
    outside = (verdict.low is not None and suggested < verdict.low) or (
        verdict.high is not None and suggested > verdict.high
    )
    return outside or suggested * verdict.change < 0


def slower_pairs(verdict: ChangeVerdict) -> str:
    """`8 of 9`; empty if nothing was counted in pairs."""
    if verdict.pairs <= 1:
        return ""
    return f"{numbers.count(verdict.slower)} of {numbers.count(verdict.pairs)}"

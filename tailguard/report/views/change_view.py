"""A change against the baseline, as texts: a share of it for times and blocks, points for error rates."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from tailguard.report.views import numbers

KIND = "change"
_AGAINST = " against the baseline"
PAIRED = (
    "The change is estimated from pair to pair, so that it may differ from what the two medians suggest where the"
    " machine was restless."
)
_PLANS = "plans"  # the scenario under which a query's plans are compared, by blocks touched


def metric_of(verdict: Mapping[str, Any]) -> str:
    """The metric's name without what every line of a duet says."""
    return str(verdict.get("objective", "")).removesuffix(_AGAINST)


def signed(verdict: Mapping[str, Any], value: float | None) -> str:
    """`value` of this verdict with its sign: `+3.2 %` of the baseline, or `+0.5 points` of all requests."""
    return numbers.signed_points(value) if _is_rate(verdict) else numbers.signed_percent(value)


def bounds(verdict: Mapping[str, Any]) -> str:
    """Both bounds of the change; a margin without a test has none, and says so."""
    return numbers.between(verdict.get("observed") or {}, partial(signed, verdict), "no bounds")


def margin(verdict: Mapping[str, Any]) -> str:
    """How much worse would still be borne."""
    most = verdict.get("max_ratio")
    if most is None:
        return "none recorded"
    return f"{'<' if verdict.get('strict') else '≤'} {signed(verdict, most)}"


def sides(verdict: Mapping[str, Any]) -> tuple[str, str]:
    """Baseline and candidate in the metric's own unit."""
    before, after = verdict.get("baseline"), verdict.get("candidate")
    show = numbers.percent if _is_rate(verdict) else numbers.ms
    if verdict.get("scenario") == _PLANS:
        show = numbers.blocks
    return show(before), show(after)


def is_unlike_medians(verdict: Mapping[str, Any]) -> bool:
    """Whether the medians of both sides suggest a change outside the paired estimate's bounds, or of another sign."""
    observed, before, after = verdict.get("observed") or {}, verdict.get("baseline"), verdict.get("candidate")
    value = observed.get("value")
    if verdict.get("q") is None or value is None or not before or after is None:
        return False
    suggested = after / before - 1
    low, high = observed.get("low"), observed.get("high")
    outside = (low is not None and suggested < low) or (high is not None and suggested > high)
    return bool(outside or suggested * value < 0)


def slower_pairs(verdict: Mapping[str, Any]) -> str:
    """`8 of 9`; empty where one look at one thing decided, and nothing was counted."""
    n = verdict.get("n") or 0
    return f"{numbers.count(verdict.get('exceedances'))} of {numbers.count(n)}" if n > 1 else ""


def _is_rate(verdict: Mapping[str, Any]) -> bool:
    return verdict.get("q") is None and verdict.get("scenario") != _PLANS

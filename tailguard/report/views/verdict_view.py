"""Verdicts ready to show: a card each, the worst first."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tailguard.base import text_format
from tailguard.report.views import change_view, numbers

# The order in which a reader must see them. INVALID leads: where the measurement is bad, nothing else counts.
SEVERITY = ("INVALID", "FAIL", "INCONCLUSIVE", "PASS")
_COUNTED = {"latency": "over limit", "error_rate": "errors", "retry_rate": "retried"}
_GAUGE_ROOM = 1.15  # the bar ends 15 % beyond the largest mark, so that a limit never sits on the edge


@dataclass(frozen=True, slots=True)
class Gauge:
    """Where observed value, interval, limit and zero lie on one linear bar, in per cent of its width."""

    value: float
    low: float
    high: float
    limit: float
    zero: float


@dataclass(frozen=True, slots=True)
class Card:
    """One verdict, every field a text that can be shown as it is, or "" where this kind of verdict has no such thing.

    `gauge` is None where nothing was observed.
    """

    state: str
    scenario: str
    objective: str
    observed: str
    interval: str
    observed_n: str  # all samples: sampling may have gone on after the decision, for another objective's sake
    sides: str  # of a change: from what to what
    limit_as: str  # "limit", of a change "margin"
    limit: str
    n: str  # samples at the decision
    counted_as: str  # what is counted here: "over limit", "errors", "retried", of a change "slower pairs"
    counted: str
    headroom: str
    rule: str
    rule_detail: str
    why: str
    gauge: Gauge | None


def cards_of(record: Mapping[str, Any]) -> tuple[Card, ...]:
    """Return the cards, the worst first, otherwise in the order of the objectives."""
    ranked = sorted(record.get("verdicts") or [], key=lambda verdict: severity(str(verdict["state"])))
    return tuple(_card(verdict, _population(verdict, record)) for verdict in ranked)


def severity(state: str) -> int:
    """Rank of a state, 0 the worst. An unknown state is as bad as INVALID."""
    return SEVERITY.index(state) if state in SEVERITY else 0


def _card(verdict: Mapping[str, Any], population: int | None) -> Card:
    if verdict.get("kind") == change_view.KIND:
        return _change_card(verdict)
    unit = str(verdict.get("unit") or "ms")
    observed = verdict.get("observed") or {}
    limit = verdict.get("max_ratio") if unit == "ratio" else verdict.get("limit_ms")
    value = observed.get("value")
    n = numbers.count(verdict.get("n"))
    return Card(
        state=str(verdict["state"]),
        scenario=str(verdict.get("scenario", "")),
        objective=_short_name(verdict),
        observed=numbers.in_unit(value, unit),
        interval="" if value is None else numbers.interval(observed, unit),
        observed_n="" if value is None or population is None else numbers.count(population),
        sides="",
        limit_as="limit",
        limit=_limit(verdict, limit, unit),
        n=n,
        counted_as=_COUNTED.get(str(verdict.get("kind")), "counted"),
        counted=f"{numbers.count(verdict.get('exceedances'))} of {n}",
        headroom=_headroom(verdict.get("headroom"), value),
        rule=_rule(verdict),
        rule_detail=_rule_detail(verdict, observed, population),
        why=str(verdict.get("why") or ""),
        gauge=_gauge(value, observed, limit),
    )


def _change_card(verdict: Mapping[str, Any]) -> Card:
    observed, sides = verdict.get("observed") or {}, change_view.sides(verdict)
    value = observed.get("value")
    return Card(
        state=str(verdict["state"]),
        scenario=str(verdict.get("scenario", "")),
        objective=_short_name({**verdict, "objective": change_view.metric_of(verdict)}),
        observed=change_view.signed(verdict, value),
        interval="" if value is None else change_view.bounds(verdict),
        observed_n="",
        sides=" → ".join(sides) if numbers.ABSENT not in sides else "",
        limit_as="margin",
        limit=change_view.margin(verdict),
        n=numbers.count(verdict.get("n")),
        counted_as="slower pairs",
        counted=change_view.slower_pairs(verdict),
        headroom="",
        rule=_rule(verdict),
        rule_detail=_rule_detail(verdict, observed, None),
        why=str(verdict.get("why") or ""),
        gauge=_gauge(value, observed, verdict.get("max_ratio")),
    )


def _population(verdict: Mapping[str, Any], record: Mapping[str, Any]) -> int | None:
    """How many samples `observed` is of: the ok ones of a step, for a rate those that failed as well."""
    scenario = (record.get("scenarios") or {}).get(verdict.get("scenario")) or {}
    steps = scenario.get("steps") or {}
    counts = (steps.get(verdict["step"]) if verdict.get("step") else scenario) or {}
    counted = counts.get("counts") or {}
    kinds = ("ok",) if verdict.get("kind") == "latency" else ("ok", "error")
    return sum(counted[kind] for kind in kinds) if all(kind in counted for kind in kinds) else None


def _short_name(verdict: Mapping[str, Any]) -> str:
    """The objective without its scenario, which stands above it."""
    name, scenario = str(verdict["objective"]), str(verdict.get("scenario", ""))
    return name.removeprefix(f"{scenario} ") if scenario else name


def _limit(verdict: Mapping[str, Any], limit: float | None, unit: str) -> str:
    if limit is None:
        return "no limit recorded"
    text = numbers.percent(limit) if unit == "ratio" else text_format.limit_ms(limit)
    return f"{'<' if verdict.get('strict') else '≤'} {text}"


def _headroom(factor: float | None, value: float | None) -> str:
    if factor is not None:
        return text_format.times(factor)
    return "undefined at 0" if value == 0 else numbers.ABSENT


def _rule(verdict: Mapping[str, Any]) -> str:
    alpha, rule = verdict.get("alpha"), verdict.get("rule")
    if not rule:
        return "No rule was applied"
    return f"{rule}" if alpha is None else f"{rule}, wrong ≤ {numbers.percent(alpha)}"


def _rule_detail(verdict: Mapping[str, Any], observed: Mapping[str, Any], population: int | None) -> str:
    parts = (
        ["Either error, a false PASS or a false FAIL, is held to the stated share."]
        if verdict.get("alpha")
        else []
    )
    if observed.get("level") is not None:
        parts.append(f"The interval is at {numbers.percent(observed['level'])}.")
    if population is not None and population != verdict.get("n"):
        decided, seen = numbers.count(verdict.get("n")), numbers.count(population)
        parts.append(f"Counted at {decided} samples, the last look of the rule; {seen} were observed in all.")
    if verdict.get("dependence"):
        parts.append(f"Samples are taken as {verdict['dependence']}.")
    if verdict.get("tau") is not None:
        parts.append(
            f"Inflation of the exceedances by bursts: τ = {text_format.significant(verdict['tau'])}."
        )
    return " ".join(parts)


def _gauge(value: float | None, observed: Mapping[str, Any], limit: float | None) -> Gauge | None:
    """Place the marks between 0, or the lowest of them below it, and a little beyond the highest."""
    if value is None or not limit:
        return None
    low, high = observed.get("low"), observed.get("high")
    start = min(0.0, value, low or 0.0) * _GAUGE_ROOM
    end = max(limit, value, high or 0.0) * _GAUGE_ROOM
    # A missing side is open, not tight.
    low, high = start if low is None else low, end if high is None else high
    return Gauge(*(round(100 * (mark - start) / (end - start), 2) for mark in (value, low, high, limit, 0.0)))

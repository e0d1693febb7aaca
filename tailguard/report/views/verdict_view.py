"""Verdicts ready to show: a card each, the worst first."""

from collections.abc import Iterable
from functools import partial
from typing import Protocol, TypeVar

from tailguard.base import text_format
from tailguard.base.state import State
from tailguard.compare.plan_comparison import MOST_MORE
from tailguard.compare.shadow import MOST_DIFFERING
from tailguard.record.objective import RECORDED, Objective
from tailguard.record.run_record import RunRecord
from tailguard.record.verdict import (
    AnswersVerdict,
    ChangeVerdict,
    DriftVerdict,
    ObjectiveVerdict,
    PlanVerdict,
    ProofVerdict,
    Verdict,
    WindowVerdict,
)
from tailguard.report.views import change_view, numbers
from tailguard.report.views.card import Card, Judged, gauge_of

_COUNTED = {
    "latency": "over limit",
    "error_rate": "errors",
    "refusal_rate": "refused",
    "retry_rate": "retried",
    "value": "over limit",
    "rate": "true",
}
# A limit has no multiple of 0.
_NONE_SEEN = {
    "error_rate": "no errors seen",
    "refusal_rate": "no refusals seen",
    "retry_rate": "no retries seen",
    "rate": "none seen",
    "value": "0 seen",
}
_EITHER_ERROR = "Either error, a false PASS or a false FAIL, is held to the stated share."


class Stated(Protocol):
    """What has one of the four states."""

    @property
    def state(self) -> State: ...


S = TypeVar("S", bound=Stated)


def judged_of(record: RunRecord) -> tuple[Judged, ...]:
    """Return the verdicts that are not a proof's: those have their migration's place in the report."""
    return tuple(verdict for verdict in record.verdicts if not isinstance(verdict, ProofVerdict))


def title_of(verdict: Verdict) -> str:
    """The name of a verdict if nothing is beside it."""
    return (
        f"migration {verdict.migration}: {verdict.name}"
        if isinstance(verdict, ProofVerdict)
        else verdict.name
    )


def worst_first(found: Iterable[S]) -> tuple[S, ...]:
    """Return the worst first, as a reader must see them, otherwise in their order."""
    return tuple(sorted(found, key=lambda each: -each.state.severity))


def cards_of(record: RunRecord) -> tuple[Card, ...]:
    """Return a card of each verdict that is not a proof's, the worst first, otherwise in their order."""
    return tuple(_card(verdict, record) for verdict in worst_first(judged_of(record)))


def _card(verdict: Judged, record: RunRecord) -> Card:
    match verdict:
        case ObjectiveVerdict():
            return _objective_card(verdict, _population(verdict, record))
        case ChangeVerdict():
            return _change_card(verdict)
        case PlanVerdict():
            return _plan_card(verdict)
        case WindowVerdict():
            return _window_card(verdict)
        case DriftVerdict():
            return _drift_card(verdict)
        case AnswersVerdict():
            return _answers_card(verdict)


def _objective_card(verdict: ObjectiveVerdict, population: int | None) -> Card:
    objective, observed = verdict.objective, verdict.observed
    show = partial(numbers.of_metric, metric=objective.metric)
    value, low, high = (
        (None, None, None) if observed is None else (observed.value, observed.low, observed.high)
    )
    is_seen = observed is not None and value is not None
    limit = text_format.limit_ms(objective.limit) if objective.metric == "latency" else show(objective.limit)
    return Card(
        verdict=verdict,
        place=verdict.scenario,
        anchor=f"scenario-{verdict.scenario}",
        name=verdict.name.removeprefix(f"{verdict.scenario} "),
        observed=show(value),
        interval=numbers.interval(observed, show) if observed is not None and is_seen else "",
        observed_n=numbers.count(population) if is_seen and population is not None else "",
        limit=f"{objective.sign} {limit}",
        counted_as=_counted_as(objective),
        counted=f"{numbers.count(verdict.exceedances)} of {numbers.count(verdict.n)}",
        headroom=_headroom(verdict, value),
        rule=f"{verdict.rule}, wrong ≤ {numbers.percent(verdict.alpha)}",
        rule_detail=_rule_detail(verdict, population),
        gauge=gauge_of(value, low, high, objective.limit),
    )


def _change_card(verdict: ChangeVerdict) -> Card:
    tested = "" if verdict.alpha is None else f", wrong ≤ {numbers.percent(verdict.alpha)}"
    level = (
        ""
        if verdict.alpha is None
        else f" Each bound of the interval is wrong at most {numbers.percent(verdict.alpha)} of the time."
    )
    return Card(
        verdict=verdict,
        place=verdict.scenario,
        anchor=f"scenario-{verdict.scenario}",
        name=change_view.metric_of(verdict).removeprefix(f"{verdict.scenario} "),
        observed=change_view.signed(verdict, verdict.change),
        interval="" if verdict.change is None else change_view.bounds(verdict),
        sides=change_view.arrow(
            *(change_view.side(verdict, each) for each in (verdict.baseline, verdict.candidate))
        ),
        limit_as="margin",
        limit=change_view.margin(verdict),
        counted_as="slower pairs",
        counted=change_view.slower_pairs(verdict),
        rule=f"{verdict.rule}{tested}",
        rule_detail=f"{_EITHER_ERROR}{level}" if level else "",
        gauge=gauge_of(verdict.change, verdict.low, verdict.high, verdict.margin),
    )


def _plan_card(verdict: PlanVerdict) -> Card:
    change = verdict.change
    return Card(
        verdict=verdict,
        place="plans",
        anchor="duet",
        name=change_view.metric_of(verdict),
        observed=numbers.signed_percent(change),
        sides=change_view.arrow(
            numbers.blocks(verdict.baseline_blocks), numbers.blocks(verdict.candidate_blocks)
        ),
        limit_as="margin",
        limit=f"≤ {numbers.signed_percent(MOST_MORE)}",
        rule="blocks touched, deterministic",
        gauge=gauge_of(change, change, change, MOST_MORE),
    )


def _counted_as(objective: Objective) -> str:
    return "false" if objective.min_ratio is not None else _COUNTED[objective.metric]


def _window_card(verdict: WindowVerdict) -> Card:
    share = verdict.exceedances / verdict.n if verdict.n else None
    allowed = verdict.objective.p0
    return Card(
        verdict=verdict,
        place=verdict.scenario,
        anchor="soak",
        name=verdict.name.removeprefix(f"{verdict.scenario} "),
        observed="no whole window" if share is None else numbers.percent(share),
        limit=f"≤ {numbers.percent(allowed)}",
        counted_as=f"{_counted_as(verdict.objective)} in the worst window",
        counted=f"{numbers.count(verdict.exceedances)} of {numbers.count(verdict.n)}",
        rule=f"each of {numbers.count(verdict.windows)} windows, wrong ≤ {numbers.percent(verdict.alpha)}",
        gauge=gauge_of(share, share, share, allowed),
    )


def _drift_card(verdict: DriftVerdict) -> Card:
    shown = partial(text_format.slope_per_hour, unit=verdict.unit)
    return Card(
        verdict=verdict,
        place=verdict.scenario or "soak",
        anchor="soak",
        name=verdict.name.removeprefix(f"{verdict.scenario}: "),
        observed=shown(verdict.slope),
        interval=f"{shown(verdict.low)} to {shown(verdict.high)}" if verdict.slope is not None else "",
        limit=f"< {shown(verdict.limit)}",
        rule=f"Theil-Sen slope over {verdict.groups} groups, wrong ≤ {numbers.percent(verdict.alpha)}",
        gauge=gauge_of(verdict.slope, verdict.low, verdict.high, verdict.limit),
    )


def _answers_card(verdict: AnswersVerdict) -> Card:
    n, share = verdict.n, verdict.differing / verdict.n if verdict.n else None
    return Card(
        verdict=verdict,
        place="shadow",
        anchor="shadow",
        name=verdict.name,
        observed="none compared" if share is None else f"{numbers.percent(share)} differ",
        limit=f"< {numbers.percent(MOST_DIFFERING)}",
        counted_as="differing",
        counted=f"{numbers.count(verdict.differing)} of {numbers.count(n)}",
        rule=f"Fisher's exact test against the primary's own noise, wrong ≤ {numbers.percent(verdict.alpha)}",
        gauge=gauge_of(share, share, share, MOST_DIFFERING),
    )


def _population(verdict: ObjectiveVerdict, record: RunRecord) -> int | None:
    """How many samples `observed` is of: ok ones of a step, for a rate also failed ones, for refusals all."""
    entry, step = record.scenarios.get(verdict.scenario), verdict.objective.step
    if verdict.objective.metric in RECORDED:
        return entry.metrics[step].n if entry and step in entry.metrics else None
    if entry is None or (step and step not in entry.steps):  # asked of what was not measured
        return None
    counts = entry.steps[step].counts if step else entry.counts
    match verdict.objective.metric:
        case "latency":
            return counts.ok
        case "refusal_rate":
            return counts.total
        case _:
            return counts.ok + counts.error


def _headroom(verdict: ObjectiveVerdict, value: float | None) -> str:
    if verdict.headroom is not None:
        return text_format.times(verdict.headroom)
    seen = _NONE_SEEN if value == 0 else {}
    return seen.get(verdict.objective.metric, numbers.ABSENT)


def _rule_detail(verdict: ObjectiveVerdict, population: int | None) -> str:
    parts = [_EITHER_ERROR]
    if verdict.observed is not None:
        parts.append(
            "Each bound of the interval is the limit at which the same test would just pass or just fail: wrong at most"
            f" {numbers.percent(verdict.alpha)} of the time."
        )
    if population is not None and population != verdict.n:
        decided, seen = numbers.count(verdict.n), numbers.count(population)
        parts.append(f"Counted at {decided} samples, the last look of the rule; {seen} were observed in all.")
    parts.append(f"Samples are taken as {verdict.dependence}.")
    parts.append(f"Inflation of the exceedances by bursts: τ = {text_format.significant(verdict.tau)}.")
    return " ".join(parts)

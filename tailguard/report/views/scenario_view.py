"""One scenario in words: its state, its load, its counts."""

import shlex
from collections.abc import Iterator, Sequence

from tailguard.base.state import State, worst
from tailguard.record.part import Quantile
from tailguard.record.run_record import RunRecord
from tailguard.record.scenario import (
    ClosedSchedule,
    ConstantSchedule,
    Counts,
    MetricEntry,
    PoissonSchedule,
    RampSchedule,
    RecordedSchedule,
    ScenarioEntry,
    Schedule,
    SlowIteration,
    StepEntry,
    StepsSchedule,
)
from tailguard.record.verdict import ObjectiveVerdict
from tailguard.report.views import numbers
from tailguard.report.views.card import Card


def state_of(entry: ScenarioEntry, cards: Sequence[Card]) -> State:
    """Return the worst state of its `cards`, INVALID if it has none or an invariant broke."""
    held = all(each.held for each in entry.invariants)
    return worst(card.verdict.state for card in cards) if held else State.INVALID


def facts_of(entry: ScenarioEntry) -> tuple[tuple[str, str], ...]:
    """Return (term, text) pairs of its load."""
    return (
        ("Schedule", _schedule(entry.schedule)),
        ("Offered", numbers.per_second(entry.offered_rate_per_s)),
        ("Achieved", numbers.per_second(entry.achieved_rate_per_s)),
        ("Measured for", numbers.seconds(entry.measured_s)),
        ("Warm-up", f"{numbers.count(entry.warmup)} iterations, not kept"),
        ("Samples", ", ".join(f"{n} {name}" for name, n in outcomes_of(entry.counts))),
        ("Retries", numbers.count(entry.retries)),
    )


def outcomes_of(counts: Counts) -> tuple[tuple[str, str], ...]:
    """Return (outcome, number of samples) pairs."""
    pairs = (("ok", counts.ok), ("conflict", counts.conflict), ("error", counts.error))
    return tuple((name, numbers.count(n)) for name, n in pairs)


def counts_of(step: StepEntry) -> tuple[tuple[str, str], ...]:
    """Return (name, number of samples) pairs of a step: all, by outcome, and those that were retried."""
    total, retried = numbers.count(step.counts.total), numbers.count(step.retried)
    return (("total", total), *outcomes_of(step.counts), ("retried", retried))


def interval_of(quantile: Quantile, step: str, cards: Sequence[Card]) -> str:
    """Return the interval of a step's response time: of its verdict, if a card has one, else of the samples alone."""
    for card in cards:
        if isinstance(card.verdict, ObjectiveVerdict) and card.interval:
            objective = card.verdict.objective
            if (objective.metric, objective.step, objective.q) == ("latency", step, quantile.q):
                return card.interval
    return numbers.interval(quantile)


def slowest_of(record: RunRecord, slug: str) -> Iterator[tuple[SlowIteration, str]]:
    """Yield the slowest iterations of a scenario, each with the command that plays it again, "" if none can."""
    for each in record.scenarios[slug].slowest:
        words = ["tailguard", "reproduce", record.id, "--iteration", str(each.number)]
        if len(record.scenarios) > 1:
            words += ["--scenario", slug]
        yield each, shlex.join(words) if record.is_reproducible else ""


def recorded_of(metric: MetricEntry) -> str:
    """Return a recorded metric in words: how often it is true, or its quantiles."""
    if metric.rate is not None:
        return f"{numbers.percent(metric.rate)} true"
    found = metric.values
    quantiles = (
        ("p50", found.p50.value),
        ("p95", found.p95.value),
        ("p99", found.p99.value),
        ("max", found.max),
    )
    return ", ".join(f"{name} {numbers.plain(value)}" for name, value in quantiles)


def _schedule(schedule: Schedule) -> str:
    """`poisson, 100/s, 8 workers`; what else a schedule has follows under its own name."""
    workers = f"{numbers.count(schedule.workers)} workers"
    match schedule:
        case ClosedSchedule():
            return f"closed, {workers}, clients {schedule.clients}{_think(schedule)}"
        case ConstantSchedule():
            kind, rest = "constant", ""
        case PoissonSchedule():
            kind, rest = "poisson", f", seed {schedule.seed}"
        case RampSchedule():
            kind, rest = (
                "ramp",
                f", from_per_s {schedule.from_per_s:g}, to_per_s {schedule.to_per_s:g}{_seed(schedule)}",
            )
        case RecordedSchedule():
            kind, rest = "recorded", f", {numbers.plain(schedule.speed)} times as fast"
        case StepsSchedule():
            steps = ", ".join(f"{rate:g}/s for {seconds:g} s" for rate, seconds in schedule.steps)
            kind, rest = "steps", f", {steps}{_seed(schedule)}"
    return f"{kind}, {numbers.per_second(schedule.rate_per_s)}, {workers}{rest}"


def _think(schedule: ClosedSchedule) -> str:
    if schedule.think_s is None:
        return ""
    return f", think {' to '.join(f'{each:g} s' for each in dict.fromkeys(schedule.think_s))}"


def _seed(schedule: RampSchedule | StepsSchedule) -> str:
    return "" if schedule.seed is None else f", seed {schedule.seed}"

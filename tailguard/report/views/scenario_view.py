"""One scenario ready to show: load, quantiles, failures and invariants."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tailguard.report.views import numbers

_OUTCOMES = ("ok", "conflict", "error")


@dataclass(frozen=True, slots=True)
class QuantileRow:
    """A quantile's response and service time, each with its interval."""

    name: str
    response: str
    response_interval: str
    service: str
    service_interval: str


@dataclass(frozen=True, slots=True)
class StepView:
    """One timed step: what was counted, and its quantiles with intervals at `level`."""

    name: str
    level: str
    counts: tuple[tuple[str, str], ...]
    quantiles: tuple[QuantileRow, ...]


@dataclass(frozen=True, slots=True)
class InvariantView:
    """A property that must hold whatever the latency."""

    name: str
    held: bool
    expected: str
    observed: str


@dataclass(frozen=True, slots=True)
class ScenarioView:
    """One scenario; `facts` are (term, text) pairs of its load, `errors` (kind, count, share of all) rows."""

    slug: str
    title: str
    facts: tuple[tuple[str, str], ...]
    steps: tuple[StepView, ...]
    errors: tuple[tuple[str, str, str], ...]
    invariants: tuple[InvariantView, ...]


def scenario_of(slug: str, scenario: Mapping[str, Any]) -> ScenarioView:
    """Choose and format what run.json says of one scenario."""
    steps = scenario.get("steps") or {}
    return ScenarioView(
        slug=slug,
        title=str(scenario.get("title") or slug),
        facts=_facts(scenario),
        steps=tuple(_step(name, step) for name, step in steps.items()),
        errors=_errors(scenario),
        invariants=tuple(
            InvariantView(
                str(found["name"]), bool(found["held"]), str(found["expected"]), str(found["observed"])
            )
            for found in scenario.get("invariants") or []
        ),
    )


def _facts(scenario: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return (
        ("Schedule", _schedule(scenario.get("schedule") or {})),
        ("Offered", numbers.per_second(scenario.get("offered_rate_per_s"))),
        ("Achieved", numbers.per_second(scenario.get("achieved_rate_per_s"))),
        ("Measured for", numbers.seconds(scenario.get("measured_s"))),
        ("Warm-up", f"{numbers.count(scenario.get('warmup'))} turns, not kept"),
        ("Samples", _counted(scenario.get("counts") or {})),
        ("Retries", numbers.count(scenario.get("retries"))),
    )


def _schedule(schedule: Mapping[str, Any]) -> str:
    """`poisson, 100/s, 8 workers`; what else a schedule has follows under its own name."""
    rest = {key: value for key, value in schedule.items() if key not in ("kind", "rate_per_s", "workers")}
    parts = [str(schedule.get("kind", numbers.ABSENT))]
    if "rate_per_s" in schedule:
        parts.append(numbers.per_second(schedule["rate_per_s"]))
    if "workers" in schedule:
        parts.append(f"{numbers.count(schedule['workers'])} workers")
    return ", ".join([*parts, *(f"{key} {value}" for key, value in rest.items())])


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{numbers.count(counts.get(outcome, 0))} {outcome}" for outcome in _OUTCOMES)


def _step(name: str, step: Mapping[str, Any]) -> StepView:
    counts = step.get("counts") or {}
    counted = tuple((outcome, numbers.count(counts.get(outcome))) for outcome in ("total", *_OUTCOMES))
    response, service = step.get("response_ms") or {}, step.get("service_ms") or {}
    rows = tuple(_quantile(q, response.get(q), service.get(q)) for q in response)
    return StepView(name, _level(response), (*counted, ("retried", numbers.count(step.get("retried")))), rows)


def _level(estimates: Mapping[str, Any]) -> str:
    """The level of the first interval there is: the engine uses one for all."""
    levels = [found.get("level") for found in estimates.values() if isinstance(found, Mapping)]
    return next((f", {numbers.percent(level)}" for level in levels if level is not None), "")


def _quantile(name: str, response: Any, service: Any) -> QuantileRow:
    return QuantileRow(name, *_estimate(response), *_estimate(service))


def _estimate(found: Any) -> tuple[str, str]:
    """Value and interval of a QuantileEstimate, or of a bare maximum, which has no interval."""
    if not isinstance(found, Mapping):
        return numbers.ms(found), ""
    if found.get("value") is None:
        return numbers.ABSENT, f"too few samples (n = {numbers.count(found.get('n'))})"
    return numbers.ms(found["value"]), numbers.interval(found)


def _errors(scenario: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    total = (scenario.get("counts") or {}).get("total") or 0
    kinds = sorted((scenario.get("errors") or {}).items(), key=lambda item: -item[1])
    return tuple(
        (str(kind), numbers.count(n), numbers.percent(n / total if total else None)) for kind, n in kinds if n
    )

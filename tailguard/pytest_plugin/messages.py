"""How a verdict is reported in pytest: a message if it is not a PASS, properties for JUnit."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tailguard.base.output.escaping import for_terminal
from tailguard.base.state import State, worst
from tailguard.base.text_format import duration_ms, ratio, significant
from tailguard.record.run_record import RunRecord
from tailguard.record.verdict import ChangeVerdict, ObjectiveVerdict, ProofVerdict


def failure_message(verdict: ObjectiveVerdict | ChangeVerdict, folder: Path) -> str:
    """Return what was asked and observed, of how many samples or pairs, the reason, and where the run is."""
    shown = _of_change(verdict) if isinstance(verdict, ChangeVerdict) else _of_objective(verdict)
    lines = [
        f"{verdict.state}: {verdict.name}",
        *shown,
        f"  why          {verdict.why}",
        f"  run          {folder}",
    ]
    return "\n".join(map(for_terminal, lines))


def _of_objective(verdict: ObjectiveVerdict) -> list[str]:
    objective = verdict.objective
    return [
        f"  limit        {'<' if objective.strict else '<='} {_shown(verdict, objective.limit)}",
        f"  observed     {_observed(verdict)}",
        f"  samples      {verdict.n}, of which {verdict.exceedances} exceed the limit",
        f"  rule         {verdict.rule}, {verdict.dependence}, alpha {verdict.alpha:g}",
    ]


def _of_change(verdict: ChangeVerdict) -> list[str]:
    shown = ratio if verdict.is_rate else duration_ms
    baseline, candidate = (
        "nothing" if value is None else shown(value) for value in (verdict.baseline, verdict.candidate)
    )
    return [
        f"  baseline     {baseline}",
        f"  candidate    {candidate}",
        f"  pairs        {verdict.pairs}, of which {verdict.slower} are slower",
        f"  rule         {verdict.rule}, alpha {verdict.alpha:g}",
    ]


@dataclass(frozen=True, slots=True)
class MigrationAnswer:
    """What a run says of one migration: the worst answer to all that was asked of it, and why."""

    migration: str
    state: State
    why: str
    asked: tuple[ProofVerdict, ...] = ()


def migration_answer(record: RunRecord, migration: str) -> MigrationAnswer:
    """Return the answer about the migration of this name; INVALID if there is no proof that can be trusted."""
    entry = next((each for each in record.migrations if each.name == migration), None)
    if not record.complete:
        return MigrationAnswer(migration, State.INVALID, f"the run is incomplete: {record.why_incomplete}")
    if entry is None:
        return MigrationAnswer(migration, State.INVALID, "the run says nothing of it")
    asked = record.asked_of(entry)
    state = worst(each.state for each in asked)
    why = "; ".join(f"{each.name}: {each.why}" for each in asked if each.state is state)
    return MigrationAnswer(migration, state, why, asked)


def migration_message(answer: MigrationAnswer, folder: Path) -> str:
    """Return why a migration is not proven, which commands failed to prove it, and where the run is."""
    lines = [
        f"{answer.state}: migration {answer.migration}",
        f"  why          {answer.why}",
        *(
            f"  asked        {each.name}: {each.expected}, observed {each.observed}"
            for each in answer.asked
            if each.state is not State.PASS
        ),
        f"  run          {folder}",
    ]
    return "\n".join(map(for_terminal, lines))


def properties(verdict: ObjectiveVerdict | ChangeVerdict) -> Iterator[tuple[str, object]]:
    """Yield the `slo.*` properties of JUnit XML, the absent ones left out."""
    found = _of_changed(verdict) if isinstance(verdict, ChangeVerdict) else _of_limited(verdict)
    found = [("slo.objective", verdict.name), *found, ("slo.verdict", str(verdict.state))]
    return ((name, value) for name, value in found if value is not None)


def _of_changed(verdict: ChangeVerdict) -> list[tuple[str, object]]:
    return [
        ("slo.quantile", verdict.q),
        ("slo.change", verdict.change),
        ("slo.ci_low", verdict.low),
        ("slo.ci_high", verdict.high),
        ("slo.pairs", verdict.pairs),
    ]


def _of_limited(verdict: ObjectiveVerdict) -> list[tuple[str, object]]:
    objective, observed = verdict.objective, verdict.observed
    unit = {"latency": "ms", "value": "value"}.get(objective.metric, "ratio")
    return [
        ("slo.quantile", objective.q),
        ("slo.limit_ms", objective.limit_ms),
        ("slo.limit_ratio", objective.max_ratio or objective.min_ratio),
        ("slo.limit_value", objective.limit_value),
        (f"slo.observed_{unit}", observed and observed.value),
        (f"slo.ci_low_{unit}", observed and observed.low),
        (f"slo.ci_high_{unit}", observed and observed.high),
        ("slo.n", verdict.n),
        ("slo.exceed", verdict.exceedances),
    ]


def _observed(verdict: ObjectiveVerdict) -> str:
    observed = verdict.observed
    if observed is None:
        return "nothing"
    value, low, high = (_shown(verdict, each) for each in (observed.value, observed.low, observed.high))
    return f"{value} [{low}, {high}] at {ratio(observed.level)}"


def _shown(verdict: ObjectiveVerdict, value: float | None) -> str:
    if verdict.objective.metric == "value":
        return "?" if value is None else significant(value)
    return duration_ms(value) if verdict.objective.metric == "latency" else ratio(value)

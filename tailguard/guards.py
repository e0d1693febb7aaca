"""What a guard says of a verdict: its message where it is not a PASS, its properties for JUnit."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tailguard.base.text_format import duration_ms, ratio
from tailguard.judge.verdicts import ObjectiveVerdict


def failure_message(judged: ObjectiveVerdict, folder: Path) -> str:
    """Return limit, observed value with interval, n, exceedances, the reason and where the run is."""
    verdict, objective = judged.verdict, judged.objective
    limit = duration_ms(objective.limit_ms) if objective.limit_ms else ratio(objective.max_ratio)
    lines = [
        f"{verdict.state}: {objective.name}",
        f"  limit        {'<' if objective.strict else '<='} {limit}",
        f"  observed     {_observed(judged)}",
        f"  samples      {verdict.n}, of which {verdict.exceedances} exceed the limit",
        f"  rule         {verdict.rule}, {verdict.dependence}, alpha {verdict.alpha:g}",
        f"  why          {verdict.why}",
        f"  run          {folder}",
    ]
    return "\n".join(lines)


def migration_message(name: str, found: Mapping[str, Any], folder: Path) -> str:
    """Return why a migration is not proved, by run.json's words, what was asked in vain, and where the run is."""
    asked = [each for each in found.get("checks") or [] if not each["held"]]
    asked += [each for each in (found.get("live") or {}).get("verdicts") or [] if each["state"] != "PASS"]
    lines = [
        f"{found['state']}: migration {name}",
        f"  why          {found['why']}",
        *(
            f"  asked        {each['name']}: {each['expected']}, observed {each['observed']}"
            for each in asked
        ),
        f"  run          {folder}",
    ]
    return "\n".join(lines)


def properties(judged: ObjectiveVerdict) -> Iterator[tuple[str, object]]:
    """Yield the `slo.*` properties of JUnit XML, the absent ones left out."""
    verdict, objective, observed = judged.verdict, judged.objective, judged.observed or {}
    unit = "ms" if objective.kind == "latency" else "ratio"
    found = {
        "slo.objective": objective.name,
        "slo.quantile": objective.q,
        "slo.limit_ms": objective.limit_ms,
        "slo.limit_ratio": objective.max_ratio,
        f"slo.observed_{unit}": observed.get("value"),
        f"slo.ci_low_{unit}": observed.get("low"),
        f"slo.ci_high_{unit}": observed.get("high"),
        "slo.n": verdict.n,
        "slo.exceed": verdict.exceedances,
        "slo.verdict": str(verdict.state),
    }
    return ((name, value) for name, value in found.items() if value is not None)


def _observed(judged: ObjectiveVerdict) -> str:
    if judged.observed is None:
        return "nothing"
    shown = duration_ms if judged.objective.kind == "latency" else ratio
    value, low, high = (shown(judged.observed[name]) for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}] at {judged.observed['level']:.0%}"

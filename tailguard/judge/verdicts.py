"""A finished run against its objectives: one verdict each, none of them PASS where the measurement is in doubt."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tailguard.judge.decision import State, Verdict, judge_counts, judge_looks
from tailguard.judge.evidence import cumulative
from tailguard.judge.exceedance import exceedances, observed_quantile, observed_ratio
from tailguard.judge.multiplicity import guard_family
from tailguard.judge.objective import Objective
from tailguard.judge.objectives import Objectives
from tailguard.judge.sequential import Rule, looks
from tailguard.record.doubt import LATE_GENERATOR
from tailguard.record.run import Run
from tailguard.record.samples import Samples

EXIT_PASS, EXIT_FAIL, EXIT_INCONCLUSIVE, EXIT_INVALID = 0, 99, 75, 65


@dataclass(frozen=True, slots=True)
class ObjectiveVerdict:
    """What the judge says of one objective, beside what was observed of all its samples (None without samples)."""

    objective: Objective
    verdict: Verdict
    observed: Mapping[str, Any] | None

    @property
    def state(self) -> State:
        """PASS, FAIL, INCONCLUSIVE or INVALID."""
        return self.verdict.state

    def as_dict(self) -> dict[str, Any]:
        """Return the entry of run.json."""
        verdict, value = self.verdict, self.observed and self.observed["value"]
        limit = self.objective.limit_ms or self.objective.max_ratio
        return self.objective.as_dict() | {
            "state": str(verdict.state),
            "n": verdict.n,
            "exceedances": verdict.exceedances,
            "observed": self.observed and dict(self.observed),
            "unit": "ms" if self.objective.kind == "latency" else "ratio",
            "headroom": limit / value if limit and value else None,
            "alpha": verdict.alpha,
            "rule": verdict.rule,
            "dependence": verdict.dependence,
            "tau": verdict.tau,
            "p_fail": verdict.p_fail,
            "why": verdict.why,
        }


def judge_run(run: Run, objectives: Objectives) -> list[ObjectiveVerdict]:
    """Judge a run on disk by its samples and record; the same run gives the same verdicts everywhere.

    INVALID: a scenario or all its samples are missing, the run is incomplete, a doubt is grave, an invariant
    broke. In a run under faults a late generator takes only the latencies away: whether an answer was an error
    there is the faults' doing, not a matter of milliseconds.
    """
    samples = run.samples() if run.record["scenarios"] else {}
    items, rules = objectives.items, objectives.rules
    faulty = bool(run.record.get("chaos"))
    alone = [_judge(item, samples.get(item.scenario), rules[item.scenario], planned=faulty) for item in items]
    return [
        ObjectiveVerdict(
            item,
            _distrusted(_in_spite(verdict, item, run.record), _reasons(run.record, item)),
            _observed(item, samples.get(item.scenario)),
        )
        for item, verdict in zip(items, guard_family(alone), strict=True)
    ]


def judging(objectives: Objectives) -> Callable[[Run], list[dict[str, Any]]]:
    """Return the judge that a suite is handed: it keeps the objectives with the run and returns run.json's
    verdicts.
    """

    def judge(run: Run) -> list[dict[str, Any]]:
        run.record["objectives"] = objectives.as_dict()
        return [verdict.as_dict() for verdict in judge_run(run, objectives)]

    return judge


def exit_code(
    verdicts: Sequence[Mapping[str, Any]],
    invariants: Iterable[Mapping[str, Any]] = (),
    *,
    complete: bool = True,
) -> int:
    """Return the exit code of a run from run.json's verdicts and invariants: 65 before 99 before 75 before 0.

    INVALID comes before FAIL: who cannot trust the measurement cannot trust its FAIL either, and "measure
    again" is the next step, not "look for the slow code". No verdict at all is invalid too.
    """
    states = {verdict["state"] for verdict in verdicts}
    if not complete or not states or State.INVALID in states or not all(each["held"] for each in invariants):
        return EXIT_INVALID
    if State.FAIL in states:
        return EXIT_FAIL
    return EXIT_INCONCLUSIVE if State.INCONCLUSIVE in states else EXIT_PASS


def _judge(objective: Objective, samples: Samples | None, rule: Rule, *, planned: bool) -> Verdict:
    """Judge one objective; `planned` failures come when the plan says, so that a rate's whole count is judged.

    Their clusters are the plan's own: they tell nothing of bursts not seen yet, for which the sequential rule looks.
    """
    missing = _missing(objective, samples)
    if samples is None or missing:
        return Verdict(State.INVALID, 0, 0, missing, "sequential", rule.dependence, rule.alpha)
    counts = cumulative(exceedances(samples, objective))
    if planned and objective.kind != "latency":
        return judge_counts(len(counts) - 1, int(counts[-1]), p0=objective.p0, alpha=rule.alpha)
    return judge_looks(looks(counts, objective.p0, rule), rule, objective.p0)


def _observed(objective: Objective, samples: Samples | None) -> dict[str, Any] | None:
    if samples is None or _missing(objective, samples):
        return None
    return observed_quantile(samples, objective) if objective.q else observed_ratio(samples, objective)


def _missing(objective: Objective, samples: Samples | None) -> str:
    if samples is None:
        return f"scenario {objective.scenario!r} is missing from the run"
    if objective.step and objective.step not in samples.steps:
        return f"step {objective.step!r} is missing from the run of {objective.scenario!r}"
    return ""


def _reasons(record: Mapping[str, Any], objective: Objective) -> list[str]:
    """Return why the measurement behind an objective cannot be trusted."""
    reasons = [] if record["complete"] else [f"the run is incomplete: {record['incomplete_because']}"]
    reasons += [
        f"{doubt['kind'].replace('_', ' ')}: {doubt['measured']} (limit {doubt['limit']}); {doubt['remedy']}"
        for doubt in _grave(record, objective.scenario)
        if not _is_harmless(doubt, objective, record)
    ]
    invariants = record["scenarios"].get(objective.scenario, {}).get("invariants", [])
    return reasons + [
        f"invariant broken: {each['name']} (expected {each['expected']}, observed {each['observed']})"
        for each in invariants
        if not each["held"]
    ]


def _grave(record: Mapping[str, Any], scenario: str) -> list[Mapping[str, Any]]:
    return [
        doubt
        for doubt in record["doubts"]
        if doubt["grade"] == "grave" and doubt["scenario"] in {None, scenario}
    ]


def _is_harmless(doubt: Mapping[str, Any], objective: Objective, record: Mapping[str, Any]) -> bool:
    """Whether a grave doubt says nothing of an objective: a late start of a rate under faults."""
    return doubt["kind"] == LATE_GENERATOR and objective.kind != "latency" and bool(record.get("chaos"))


def _in_spite(verdict: Verdict, objective: Objective, record: Mapping[str, Any]) -> Verdict:
    """Say of a verdict that it stands in spite of a doubt, where it does."""
    if any(_is_harmless(doubt, objective, record) for doubt in _grave(record, objective.scenario)):
        return replace(verdict, why=f"{verdict.why}; the late generator takes only latencies away")
    return verdict


def _distrusted(verdict: Verdict, reasons: Sequence[str]) -> Verdict:
    if not reasons:
        return verdict
    why = "; ".join(reasons)
    if verdict.state is not State.INVALID:
        why += f" (the samples alone would say {verdict.state}: {verdict.why})"
    return replace(verdict, state=State.INVALID, why=why)

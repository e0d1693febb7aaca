"""A finished run against its objectives: one verdict each, none of them PASS if the measurement is in doubt."""

from collections.abc import Sequence
from dataclasses import replace

from tailguard.base.state import State
from tailguard.judge.caution import Caution, broken
from tailguard.judge.decision import Decision, judge_counts, judge_looks
from tailguard.judge.evidence import cumulative
from tailguard.judge.exceedance import exceedances, is_met, latencies_ms
from tailguard.judge.interval import observed_latency, observed_rate
from tailguard.judge.multiplicity import correct_fails
from tailguard.judge.sequential import looks
from tailguard.record.doubt import LATE_GENERATOR, SKIPPED_SCENARIO, UNCHECKED, Doubt, Grade
from tailguard.record.objective import RECORDED, Objective, Objectives, Rule
from tailguard.record.part import Estimate
from tailguard.record.run import Run
from tailguard.record.run_record import RunRecord
from tailguard.record.samples import Samples
from tailguard.record.samples.values import are_true_or_false
from tailguard.record.verdict import ObjectiveVerdict


def judge_run(run: Run, objectives: Objectives) -> tuple[ObjectiveVerdict, ...]:
    """Judge a run on disk by its samples and record; the same run gives the same verdicts everywhere.

    INVALID: a scenario or all its samples are missing, the run is incomplete, a doubt is grave, an invariant
    broke. INCONCLUSIVE: too little was measured, or nothing, as the scenario was skipped; or invariants were left out.
    In a run under faults a late generator invalidates only the latencies: whether an answer was an error there is the
    faults' doing, not a matter of milliseconds.
    """
    record = run.record
    samples = run.samples() if record.scenarios else {}
    rules, faulty = objectives.rules, record.chaos is not None
    grave = _by_scenario([each for each in record.doubts if each.grade is Grade.GRAVE], objectives)
    unchecked = _by_scenario([each for each in record.doubts if each.kind == UNCHECKED], objectives)
    skipped = {each.scenario: each.measured for each in record.doubts if each.kind == SKIPPED_SCENARIO}

    def alone(item: Objective) -> Decision:
        if item.scenario in skipped:
            return _not_judged(skipped[item.scenario], rules[item.scenario])
        return _judge(item, samples.get(item.scenario), rules[item.scenario], planned=faulty)

    def weighed(item: Objective, decision: Decision) -> Decision:
        caution = Caution(
            _reasons(record, item, grave[item.scenario]),
            [doubt.measured for doubt in unchecked[item.scenario]],
            item.scenario if item.scenario in objectives.unasked else "",
        )
        return decision.against(caution)

    return tuple(
        objective_verdict(
            item,
            weighed(item, _in_spite(decision, item, record, grave[item.scenario])),
            _observed(item, samples.get(item.scenario), decision),
        )
        for family in objectives.families
        for item, decision in zip(family, correct_fails([alone(each) for each in family]), strict=True)
    )


def objective_verdict(
    objective: Objective, decision: Decision, observed: Estimate | None
) -> ObjectiveVerdict:
    """Return the verdict that a decision about an objective is."""
    return ObjectiveVerdict(
        name=objective.name,
        state=decision.state,
        objective=objective,
        n=decision.n,
        exceedances=decision.exceedances,
        observed=observed,
        alpha=decision.alpha,
        rule=decision.rule,
        dependence=decision.dependence,
        tau=decision.tau,
        p_fail=decision.p_fail,
        why=decision.why,
    )


def _judge(objective: Objective, samples: Samples | None, rule: Rule, *, planned: bool) -> Decision:
    """Judge one objective; `planned` failures come when the plan says, so that a rate's whole count is judged.

    Their clusters are the plan's own: they tell nothing of bursts not seen yet, for which the sequential rule looks.
    """
    missing = _missing(objective, samples)
    if samples is None or missing:
        return Decision(State.INVALID, 0, 0, missing, "sequential", rule.dependence, rule.alpha)
    counts = cumulative(exceedances(samples, objective))
    if planned and objective.metric != "latency":
        return judge_counts(len(counts) - 1, int(counts[-1]), p0=objective.p0, alpha=rule.alpha)
    return judge_looks(looks(counts, objective.p0, rule), rule, objective.p0)


def _not_judged(why: str, rule: Rule) -> Decision:
    return Decision(State.INCONCLUSIVE, 0, 0, why, "sequential", rule.dependence, rule.alpha)


def _observed(objective: Objective, samples: Samples | None, decision: Decision) -> Estimate | None:
    if samples is None or _missing(objective, samples):
        return None
    return observed_of(samples, objective, decision)


def observed_of(samples: Samples, objective: Objective, decision: Decision) -> Estimate | None:
    """Return what was observed of an objective, with the interval of the test that decided about it."""
    if objective.metric == "latency":
        return observed_latency(latencies_ms(samples, objective), objective, decision)
    if objective.metric == "value":
        return observed_latency(samples.recorded.of(objective.step), objective, decision)
    stream = exceedances(samples, objective)
    return observed_rate(len(stream), int(stream.sum()), objective, decision)


def _missing(objective: Objective, samples: Samples | None) -> str:
    if samples is None:
        return f"scenario {objective.scenario!r} is missing from the run"
    if objective.metric in RECORDED:
        return _missing_metric(objective, samples)
    if not is_met(samples, objective):
        return f"step {objective.step!r} is missing from the run of {objective.scenario!r}"
    return ""


def _missing_metric(objective: Objective, samples: Samples) -> str:
    name = objective.step
    if name in samples.steps:
        return f"{name!r} is a step of {objective.scenario!r}: give the limit of its latency a unit, as in '<= 100ms'"
    if not is_met(samples, objective):
        return f"{objective.scenario!r} recorded no {name!r}: it.record({name!r}, ...) was never called"
    if objective.metric == "rate" and not are_true_or_false(samples.recorded.of(name)):
        return (
            f"{name!r} was recorded as numbers: a rate is of True and False; limit a quantile, 'p95 <= 100'"
        )
    return ""


def _reasons(record: RunRecord, objective: Objective, grave: Sequence[Doubt]) -> list[str]:
    """Return why the measurement behind an objective cannot be trusted."""
    reasons = [] if record.complete else [f"the run is incomplete: {record.why_incomplete}"]
    reasons += [doubt.sentence for doubt in grave if not _is_harmless(doubt, objective, record)]
    invariants = (
        record.scenarios[objective.scenario].invariants if objective.scenario in record.scenarios else ()
    )
    return [*reasons, *broken(invariants)]


def _by_scenario(doubts: Sequence[Doubt], objectives: Objectives) -> dict[str, list[Doubt]]:
    """Return the doubts about each scenario with objectives, those about the whole run among them."""
    found: dict[str, list[Doubt]] = {item.scenario: [] for item in objectives.items}
    for doubt in doubts:
        for scenario in found if doubt.scenario is None else found.keys() & {doubt.scenario}:
            found[scenario].append(doubt)
    return found


def _is_harmless(doubt: Doubt, objective: Objective, record: RunRecord) -> bool:
    """Whether a grave doubt says nothing of an objective: a late start of a rate under faults."""
    return doubt.kind == LATE_GENERATOR and objective.metric != "latency" and record.chaos is not None


def _in_spite(
    decision: Decision, objective: Objective, record: RunRecord, grave: Sequence[Doubt]
) -> Decision:
    """Say of a decision that it stands in spite of a doubt, if it does."""
    if any(_is_harmless(doubt, objective, record) for doubt in grave):
        return replace(decision, why=f"{decision.why}; the late generator invalidates only latencies")
    return decision

"""What a duet says of its gate and of a claim, in words. Apart from the computing, which takes 0.2 s to import."""

from collections.abc import Sequence
from itertools import groupby, pairwise

from tailguard.base.state import State
from tailguard.base.text_format import ratio, significant
from tailguard.record.duet import Calibration, Claim, LoadTrial, Quality
from tailguard.record.run_record import RunRecord
from tailguard.record.verdict import ChangeVerdict

ANSWERS = {
    State.PASS: "CONFIRMED",
    State.FAIL: "REFUTED",
    State.INCONCLUSIVE: "UNDECIDED",
    State.INVALID: "INVALID",
}


def metric_name(step: str, q: float | None) -> str:
    """Return such as `p95 of upload`, or `errors and refusals` if q is None."""
    return "errors and refusals" if q is None else f"p{q * 100:g} of {step}"


def claim_sentence(claim: Claim) -> str:
    """Return such as `page p95 of view at least 60 % less`."""
    metric = f"{claim.scenario} {metric_name(claim.step, claim.q)}"
    return f"{metric} at least {significant(-claim.change * 100, 3)} % less"


def quality_sentence(quality: Quality) -> str:
    """Return what a reader needs, in one line."""
    found_in = "" if quality.found_in is None else f", in {quality.found_in} pairs at the median"
    worst = max(quality.least_seen.items(), key=lambda item: item[1])
    best = min(quality.least_seen.items(), key=lambda item: item[1])
    return (
        f"false alarms {quality.false_alarms}/{quality.duets}; a slowdown of {ratio(quality.injected)} in one metric"
        f" found {quality.found}/{quality.duets}{found_in}; smallest change found 90 % of the time:"
        f" {ratio(best[1])} ({best[0]}) to {ratio(worst[1])} ({worst[0]}). From"
        f" {quality.pairs} pairs' own noise, {quality.duets} simulated duets"
    )


def calibration_sentence(calibration: Calibration) -> str:
    """Return the results of both duets of a calibration, in one line."""
    same, slower = calibration.same_code, calibration.slower
    quality = "too few pairs to say more" if same.quality is None else quality_sentence(same.quality)
    return (
        f"The same code: {same.state} after {same.pairs} pairs; {calibration.fault}: {slower.state} after"
        f" {slower.pairs} pairs. {quality}."
    )


def trials_of(record: RunRecord) -> tuple[LoadTrial, ...]:
    """Return what was said at each load up to this run's own; nothing if it was not tried at several."""
    duet = record.duet
    if duet is None or duet.rate_per_s is None:
        return ()
    claimed = [each for each in record.verdicts if isinstance(each, ChangeVerdict) and each.is_claim]
    own = [
        LoadTrial(
            run=record.id,
            rate_per_s=duet.rate_per_s,
            state=State.INVALID if record.state is State.INVALID else each.state,
            change=each.change,
            low=each.low,
            high=each.high,
        )
        for each in claimed
    ]
    return (*duet.earlier_loads, *own)


def turning_sentence(trials: Sequence[LoadTrial]) -> str:
    """Return such as `REFUTED at 10/s, CONFIRMED at 50/s and 100/s: it turns between 10/s and 50/s.`"""
    ordered = sorted(trials, key=lambda trial: trial.rate_per_s)
    groups = [(state, [*each]) for state, each in groupby(ordered, key=lambda trial: trial.state)]
    said = ", ".join(f"{ANSWERS[state]} at {_listed(each)}" for state, each in groups)
    turns = [f"between {_listed([one[-1], two[0]])}" for (_, one), (_, two) in pairwise(groups)]
    if not turns:
        return f"{said}: it does not turn between them." if len(ordered) > 1 else f"{said}."
    return f"{said}: it turns {', and '.join(turns)}."


def _listed(trials: Sequence[LoadTrial]) -> str:
    names = [f"{trial.rate_per_s:g}/s" for trial in trials]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

"""What a duet says of its own gate, in words. Apart from the computing, which takes a fifth of a second to import."""

from tailguard.base.text_format import significant
from tailguard.record.duet import Calibration, Claim, Quality


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
        f"false alarms {quality.false_alarms}/{quality.duets}; a slowdown of {quality.injected:.0%} in one metric found"
        f" {quality.found}/{quality.duets}{found_in}; smallest change found 90 % of the time: {best[1]:.1%} ({best[0]})"
        f" to {worst[1]:.1%} ({worst[0]}). From {quality.pairs} pairs' own noise, {quality.duets} simulated duets"
    )


def calibration_sentence(calibration: Calibration) -> str:
    """Return the results of both duets of a calibration, in one line."""
    same, slower = calibration.same_code, calibration.slower
    quality = "too few pairs to say more" if same.quality is None else quality_sentence(same.quality)
    return (
        f"The same code: {same.state} after {same.pairs} pairs; {calibration.fault}: {slower.state} after"
        f" {slower.pairs} pairs. {quality}."
    )

"""A duet's part of the report: every metric of both sides, and how they were measured."""

from collections.abc import Iterator, Sequence

from tailguard.base import text_format
from tailguard.compare.gate_sentences import calibration_sentence, claim_sentence
from tailguard.record.duet import Duet, DuetTime, LoadTrial
from tailguard.record.run_record import RunRecord
from tailguard.record.verdict import ChangeVerdict, PlanVerdict
from tailguard.report.views import numbers
from tailguard.report.views.change_view import PAIRED, is_unlike_medians, metric_of
from tailguard.report.views.verdict_view import worst_first


def changes_of(record: RunRecord) -> tuple[ChangeVerdict, ...]:
    """Return every metric that was compared, gated or watched, the worst first."""
    gated = [verdict for verdict in record.verdicts if isinstance(verdict, ChangeVerdict)]
    return worst_first([*gated, *(record.duet.watched if record.duet else ())])


def plans_of(record: RunRecord) -> tuple[PlanVerdict, ...]:
    """Return the query plans that were compared."""
    return tuple(verdict for verdict in record.verdicts if isinstance(verdict, PlanVerdict))


def unlike_medians(changes: Sequence[ChangeVerdict]) -> str:
    """Say how changes are estimated and name the metrics in which that shows; "" if there is none."""
    named = [metric_of(each) for each in changes if is_unlike_medians(each)]
    return f"{PAIRED} So it does here: {', '.join(named)}." if named else ""


def loads_of(trials: Sequence[LoadTrial]) -> Iterator[tuple[LoadTrial, str, str]]:
    """Yield each trial of a claim at several loads with its change and its bounds in words, the least load first."""
    for each in sorted(trials, key=lambda trial: trial.rate_per_s):
        bounds = numbers.between(each.low, each.high, numbers.signed_percent, "no bounds")
        yield each, numbers.signed_percent(each.change), bounds


def facts_of(duet: Duet) -> Iterator[tuple[str, str]]:
    """Yield (term, text) pairs of how it was measured."""
    if duet.claim is not None:
        yield "Claim", f"{duet.claim.title}: {claim_sentence(duet.claim)} ({duet.claim.source})"
    looks = ", ".join(map(str, duet.looks))
    pairs = f"{len(duet.blocks)} of at most {duet.budget.pairs}; looks at {looks}"
    yield "Pairs of fresh processes", pairs
    yield "Blocks discarded", str(len(duet.discarded))
    if duet.time is not None and duet.time.wall_s:
        yield "Time", _time(duet.time)
    if duet.calibration is not None:
        yield f"Calibrated here, {duet.calibration.created_utc}", calibration_sentence(duet.calibration)
    for name, side in duet.sides.items():
        if side.faults:
            yield f"Faults of the {name}", ", ".join(side.faults)


def _time(time: DuetTime) -> str:
    parts = (
        (time.measuring_s, "in the platform"),
        (time.starts_s, "in starting processes"),
        (time.seeding_s, "in seeding"),
        (time.checks_s, "in checking invariants"),
    )
    shares = ", ".join(f"{numbers.percent(seconds / time.wall_s)} {words}" for seconds, words in parts)
    return f"{text_format.duration_s(time.wall_s)}: {shares}"

"""What a run compared with what, in one sentence, and where its measurement is doubtful, in another."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tailguard.report.views import numbers
from tailguard.report.views.numbers import plural
from tailguard.report.views.proof.live_words import act_of, statement_of

_GRADES = {"grave": "grave doubt", "warn": "warning", "note": "note"}


def compared_of(record: Mapping[str, Any]) -> str:
    """Say what stood against what: sides, scenarios, objectives, faults, migrations."""
    if record.get("duet"):
        return _sides(record["duet"])
    parts = [*_scenarios(record), *_migrations(record.get("migrations") or [])]
    return f"Compared: {'; '.join(parts)}." if parts else "Nothing was compared."


def doubtful_of(doubts: Sequence[Mapping[str, Any]]) -> str:
    """Count the doubts by grade and name their kinds, each once, the gravest first."""
    if not doubts:
        return "No doubt was recorded about the measurement."
    graded = {grade: [d for d in doubts if d.get("grade", "note") == grade] for grade in _GRADES}
    counted = ", ".join(plural(len(found), _GRADES[grade]) for grade, found in graded.items() if found)
    kinds = dict.fromkeys(
        str(d.get("kind", "")).replace("_", " ") for found in graded.values() for d in found
    )
    return f"Doubtful: {counted or plural(len(doubts), 'doubt')} ({', '.join(kinds)})."


def _sides(duet: Mapping[str, Any]) -> str:
    labels = {name: str(side.get("label") or name) for name, side in (duet.get("sides") or {}).items()}
    candidate, baseline = labels.get("candidate", "the candidate"), labels.get("baseline", "the baseline")
    pairs = plural(int(duet.get("pairs") or 0), "pair")
    return f"Compared: candidate ({candidate}) against the baseline ({baseline}), {pairs} of fresh processes."


def _scenarios(record: Mapping[str, Any]) -> Iterator[str]:
    scenarios, verdicts = record.get("scenarios") or {}, record.get("verdicts") or []
    faults = (record.get("chaos") or {}).get("windows") or []
    if scenarios:
        under = f" under {plural(len(faults), 'fault')} made on purpose" if faults else ""
        against = plural(len(verdicts), "objective") if verdicts else "no objective"
        yield f"{plural(len(scenarios), 'scenario')}{under} against {against}{_recovered(record.get('chaos') or {})}"


def _recovered(chaos: Mapping[str, Any]) -> str:
    longest = max((each["recovered_s"] for each in chaos.get("recoveries") or []), default=None)
    if longest is None:
        return ""
    limit = numbers.seconds(chaos.get("recover_s"))
    return f", well again after {numbers.seconds(longest)} at the latest (limit: {limit})"


def _migrations(migrations: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for found in migrations:
        name = f"migration {found['number']} on {numbers.count(found.get('rows'))} rows"
        if found.get("live"):
            yield f"{name}, {_under_load(found['live'])}"
        elif found.get("removal"):
            yield f"{name}, queries and writes with the index and without it"
        else:
            yield f"{name}, its query before and after"


def _under_load(live: Mapping[str, Any]) -> str:
    times = plural(len(live["builds"]), act_of(live))
    control = f"a plain {statement_of(live)}" if live.get("control") else "no control"
    return f"{times} under load beside a window without one and {control}"

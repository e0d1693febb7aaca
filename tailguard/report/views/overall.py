"""Is this change safe? One sentence over a whole run: the gate's own decision, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tailguard.judge.verdicts import EXIT_FAIL, EXIT_INCONCLUSIVE, EXIT_INVALID, EXIT_PASS, exit_code
from tailguard.report.views import change_view
from tailguard.report.views.compared import compared_of, doubtful_of
from tailguard.report.views.numbers import plural
from tailguard.report.views.proof.proof_verdicts import asked_of
from tailguard.report.views.verdict_view import SEVERITY

_WORDS = {
    "INVALID": "cannot be trusted",
    "FAIL": "breached",
    "INCONCLUSIVE": "undecided",
    "PASS": "met",
}
_DUET = {
    "FAIL": "Worse than the baseline",
    "INCONCLUSIVE": "Undecided whether worse than the baseline",
}
_PROOF = {"FAIL": "Not safe", "INCONCLUSIVE": "Undecided whether safe"}
_STATE_OF = {
    EXIT_PASS: "PASS",
    EXIT_FAIL: "FAIL",
    EXIT_INCONCLUSIVE: "INCONCLUSIVE",
    EXIT_INVALID: "INVALID",
}
_MOST_NAMED = 4  # more names than these bury the sentence; all have a card below it


@dataclass(frozen=True, slots=True)
class Overall:
    """The worst state of the run, the sentence that says it, what was compared and where that is doubtful."""

    state: str
    sentence: str
    detail: str
    compared: str
    doubtful: str


def overall_of(record: Mapping[str, Any]) -> Overall:
    """Say in one sentence what the gate decides of the run, and the state of its migrations."""
    verdicts, complete = record.get("verdicts") or [], bool(record.get("complete", False))
    judged = [*verdicts, *(record.get("migrations") or [])]
    worst = _STATE_OF[exit_code(judged, _invariants(record), complete=complete)]
    about = compared_of(record), doubtful_of(record.get("doubts") or [])
    if worst == "INVALID":
        return Overall(worst, "This run cannot be trusted.", "; ".join(_distrust(record)), *about)
    detail = "" if worst == "PASS" else _tally([*verdicts, *_asked(record)])
    return Overall(worst, _sentence(worst, record), detail, *about)


def _invariants(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    scenarios = (record.get("scenarios") or {}).values()
    return [found for scenario in scenarios for found in scenario.get("invariants") or []]


def _distrust(record: Mapping[str, Any]) -> list[str]:
    states = [str(verdict["state"]) for verdict in record.get("verdicts") or []]
    migrations = record.get("migrations") or []
    broken = [
        f"{slug}: {invariant['name']}"
        for slug, scenario in (record.get("scenarios") or {}).items()
        for invariant in scenario.get("invariants") or []
        if not invariant["held"]
    ]
    grave = [str(doubt["kind"]) for doubt in record.get("doubts") or [] if doubt.get("grade") == "grave"]
    reasons = [f"invariant broken ({name})" for name in broken] + [f"grave doubt ({kind})" for kind in grave]
    if not record.get("complete", False):
        reasons.append(f"incomplete ({record.get('incomplete_because') or 'no reason was recorded'})")
    if not states and not migrations:
        reasons.append("no objective was judged")
    proofs = [
        f"migration {m['number']} INVALID{_because(m, 'INVALID')}"
        for m in migrations
        if m["state"] == "INVALID"
    ]
    invalid = states.count("INVALID")
    return reasons + proofs + ([f"{invalid} of {len(states)} verdicts INVALID"] if invalid else [])


def _sentence(worst: str, record: Mapping[str, Any]) -> str:
    verdicts, migrations = record.get("verdicts") or [], record.get("migrations") or []
    if worst == "PASS":
        return _all_met(record)
    named = [_named(verdict) for verdict in verdicts if verdict["state"] == worst]
    because = "" if verdicts else worst  # beside objectives, a migration's number is enough
    named += [f"migration {m['number']}{_because(m, because)}" for m in migrations if m["state"] == worst]
    words = _DUET if record.get("duet") else {} if verdicts else _PROOF
    return f"{words.get(worst, _WORDS[worst].capitalize())}: {_listed(named)}."


def _named(verdict: Mapping[str, Any]) -> str:
    if verdict.get("kind") != change_view.KIND:
        return str(verdict["objective"])
    value = (verdict.get("observed") or {}).get("value")
    much = "" if value is None else f" ({change_view.signed(verdict, value)})"
    return f"{change_view.metric_of(verdict)}{much}"


def _because(migration: Mapping[str, Any], state: str) -> str:
    """The questions of its proof under load that were answered so."""
    asked = [str(verdict["name"]) for verdict in asked_of(migration) if verdict["state"] == state]
    return f" ({_listed(asked)})" if asked else ""


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - _MOST_NAMED
    return ", ".join([*names[:_MOST_NAMED], *([f"and {rest} more"] if rest > 0 else [])])


def _all_met(record: Mapping[str, Any]) -> str:
    verdicts, migrations = record.get("verdicts") or [], record.get("migrations") or []
    if record.get("duet"):
        return f"No worse than the baseline: {_all(len(verdicts), 'comparison')} within the margin."
    if not verdicts and len(migrations) == 1:
        return f"Migration {migrations[0]['number']} is proved."
    faults = (record.get("chaos") or {}).get("windows") or []
    under = f" under {plural(len(faults), 'fault')}, and every invariant held" if faults else ""
    parts = [f"{_all(len(verdicts), 'objective')} met{under}"] if verdicts else []
    if migrations:
        parts.append(
            f"{plural(len(migrations), 'migration')} {'are' if len(migrations) > 1 else 'is'} proved"
        )
    text = f"{', and '.join(parts)}."
    return text[0].upper() + text[1:]


def _all(count: int, noun: str) -> str:
    return f"the {noun} is" if count == 1 else f"all {count} {noun}s are"


def _asked(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [verdict for migration in record.get("migrations") or [] for verdict in asked_of(migration)]


def _tally(verdicts: Sequence[Mapping[str, Any]]) -> str:
    states = [str(verdict["state"]) for verdict in verdicts]
    return ", ".join(f"{states.count(s)} {_WORDS[s]}" for s in SEVERITY if s in states)

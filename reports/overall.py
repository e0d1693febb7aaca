"""One sentence over a whole run: the gate's own decision, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.verdict_view import SEVERITY
from slo.verdict import EXIT_FAIL, EXIT_INCONCLUSIVE, EXIT_INVALID, EXIT_PASS, exit_code

_WORDS = {
    "INVALID": "cannot be trusted",
    "FAIL": "breached",
    "INCONCLUSIVE": "undecided",
    "PASS": "met",
}
_STATE_OF = {
    EXIT_PASS: "PASS",
    EXIT_FAIL: "FAIL",
    EXIT_INCONCLUSIVE: "INCONCLUSIVE",
    EXIT_INVALID: "INVALID",
}


@dataclass(frozen=True, slots=True)
class Overall:
    """The worst state of the run and the sentence that says it."""

    state: str
    sentence: str
    detail: str


def overall_of(record: Mapping[str, Any]) -> Overall:
    """Say in one sentence what the gate decides of the run, and the state of its migrations."""
    verdicts, complete = record.get("verdicts") or [], bool(record.get("complete", False))
    judged = [*verdicts, *(record.get("migrations") or [])]
    worst = _STATE_OF[exit_code(judged, _invariants(record), complete=complete)]
    if worst == "INVALID":
        return Overall(worst, "This run cannot be trusted.", "; ".join(_distrust(record)))
    states = [str(verdict["state"]) for verdict in verdicts]
    return Overall(worst, _sentence(worst, record), "" if worst == "PASS" else _tally(states))


def _invariants(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    scenarios = (record.get("scenarios") or {}).values()
    return [found for scenario in scenarios for found in scenario.get("invariants") or []]


def _distrust(record: Mapping[str, Any]) -> list[str]:
    states = [str(verdict["state"]) for verdict in record.get("verdicts") or []]
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
    if not states:
        reasons.append("no objective was judged")
    proofs = [
        f"migration {m['number']} INVALID" for m in record.get("migrations") or [] if m["state"] == "INVALID"
    ]
    invalid = states.count("INVALID")
    return reasons + proofs + ([f"{invalid} of {len(states)} verdicts INVALID"] if invalid else [])


def _sentence(worst: str, record: Mapping[str, Any]) -> str:
    verdicts = record.get("verdicts") or []
    named = [str(verdict["objective"]) for verdict in verdicts if verdict["state"] == worst]
    proofs = [f"migration {m['number']}" for m in record.get("migrations") or [] if m["state"] == worst]
    if worst == "PASS":
        return _all_met(len(verdicts), len(proofs))
    listed = ", ".join([*named, *proofs])
    return f"{_WORDS.get(worst, worst).capitalize()}: {listed}."


def _all_met(objectives: int, migrations: int) -> str:
    parts = [f"all {objectives} objectives are met"] if objectives else []
    if migrations:
        parts.append(f"{migrations} {'migrations are' if migrations > 1 else 'migration is'} proved")
    return f"{', and '.join(parts)}.".capitalize()


def _tally(states: Sequence[str]) -> str:
    return ", ".join(f"{states.count(s)} {_WORDS[s]}" for s in SEVERITY if s in states)

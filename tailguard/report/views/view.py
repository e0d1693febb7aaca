"""A finished run as texts ready to show. HTML, Markdown and terminal all speak from this one view.

Nothing is computed or decided here: fields are chosen from run.json and formatted. What the run does not hold is
shown as absent, never filled in.
"""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tailguard.base.secrets import mask_all
from tailguard.report.views.chaos_view import ChaosView, chaos_of
from tailguard.report.views.duet_view import DuetView, duet_of
from tailguard.report.views.environment_view import FactGroup, environment_of
from tailguard.report.views.overall import Overall, overall_of
from tailguard.report.views.proof.live_view import ProofView, proof_of
from tailguard.report.views.proof.migration_view import MigrationView, migration_of
from tailguard.report.views.proof.proof_verdicts import ProofVerdict, proof_verdicts_of
from tailguard.report.views.scenario_view import ScenarioView, scenario_of
from tailguard.report.views.statements_view import TimeView, times_of
from tailguard.report.views.verdict_view import Card, cards_of

_GRADES = ("grave", "warn", "note")


@dataclass(frozen=True, slots=True)
class DoubtView:
    """A reason to distrust the run, with what helps."""

    grade: str
    kind: str
    scenario: str
    measured: str
    limit: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Which run this is: enough to find it and to start it again."""

    run_id: str
    created: str
    profile: str
    command: str
    seed: str
    platform: str
    config_sha256: str
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ReportView:
    """Everything a reader sees, in the order of the page; `warnings` stand on top of all."""

    identity: Identity
    warnings: tuple[tuple[str, str], ...]
    overall: Overall
    cards: tuple[Card, ...]
    doubts: tuple[DoubtView, ...]
    scenarios: tuple[ScenarioView, ...]
    times: tuple[TimeView, ...]
    migrations: tuple[MigrationView, ...]
    proofs: tuple[ProofView, ...]  # one a migration
    proof_verdicts: tuple[ProofVerdict, ...]
    environment: tuple[FactGroup, ...]
    config: str
    duet: DuetView | None = None  # where the run compares two sides
    chaos: ChaosView | None = None  # where faults were made, or a storage counted


def view_of(record: Mapping[str, Any]) -> ReportView:
    """Return the view of a run.json that `tailguard.record.run` has loaded. Secrets are masked once more on the way."""
    record = mask_all(record)
    return ReportView(
        identity=_identity(record),
        warnings=_warnings(record),
        overall=overall_of(record),
        cards=cards_of(record),
        doubts=_doubts(record),
        scenarios=tuple(scenario_of(slug, found) for slug, found in (record.get("scenarios") or {}).items()),
        times=times_of(record.get("scenarios") or {}),
        migrations=tuple(migration_of(found) for found in record.get("migrations") or []),
        proofs=tuple(proof_of(found) for found in record.get("migrations") or []),
        proof_verdicts=proof_verdicts_of(record),
        environment=environment_of(record.get("environment") or {}),
        config=json.dumps(record.get("config") or {}, indent=2, ensure_ascii=False),
        duet=duet_of(record),
        chaos=chaos_of(record),
    )


def _identity(record: Mapping[str, Any]) -> Identity:
    platform = record.get("platform") or {}
    return Identity(
        run_id=str(record["id"]),
        created=str(record.get("created_utc", "")).replace("T", " ").removesuffix("Z") + " UTC",
        profile=str(record.get("profile") or "none"),
        command=shlex.join(map(str, record.get("command") or [])),
        seed=str(record.get("seed")),
        platform=str(platform.get("adapter", "not recorded")),
        config_sha256=str(record.get("config_sha256") or "not recorded"),
        files=tuple((str(name), str(found)) for name, found in (record.get("files") or {}).items()),
    )


def _warnings(record: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What must be known before any number is read: (title, text)."""
    found = []
    if not record.get("complete", False):
        why = record.get("incomplete_because") or "no reason was recorded"
        found.append(
            ("Incomplete run", f"It ended before its time: {why}. What was measured until then is shown.")
        )
    faults = (record.get("platform") or {}).get("faults") or []
    if faults:
        listed = ", ".join(map(str, faults))
        found.append(("Faults switched on", f"The platform was made faulty on purpose: {listed}."))
    return tuple(found)


def _doubts(record: Mapping[str, Any]) -> tuple[DoubtView, ...]:
    doubts = [
        DoubtView(
            grade=str(doubt.get("grade", "note")),
            kind=str(doubt.get("kind", "")).replace("_", " "),
            scenario=str(doubt.get("scenario") or "whole run"),
            measured=str(doubt.get("measured", "")),
            limit=str(doubt.get("limit", "")),
            remedy=str(doubt.get("remedy", "")),
        )
        for doubt in record.get("doubts") or []
    ]
    return tuple(
        sorted(doubts, key=lambda doubt: _GRADES.index(doubt.grade) if doubt.grade in _GRADES else 0)
    )

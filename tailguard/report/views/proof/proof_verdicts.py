"""What was asked of a migration and answered, a card each: the first screen of a proof."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tailguard.report.views.verdict_view import severity


@dataclass(frozen=True, slots=True)
class ProofVerdict:
    """One question about a migration, what was hoped for and what was seen; `expected` may be ""."""

    state: str
    migration: str
    name: str
    expected: str
    observed: str


def proof_verdicts_of(record: Mapping[str, Any]) -> tuple[ProofVerdict, ...]:
    """Return the questions of every proof under load, the worst first.

    A migration without such has one card, and only where no objective has a card that would stand above its own.
    """
    migrations = record.get("migrations") or []
    found = [verdict for each in migrations for verdict in _of(each, alone=not record.get("verdicts"))]
    return tuple(sorted(found, key=lambda verdict: severity(verdict.state)))


def asked_of(migration: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what a proof under load asked, after what failed before it: name, state, expected, observed.

    Empty where nothing was asked under load: then the migration has but one answer, its state.
    """
    asked = (migration.get("live") or {}).get("verdicts") or []
    failed = [check | {"state": "FAIL"} for check in migration.get("checks") or [] if not check["held"]]
    return [*failed, *asked] if asked else []


def _of(migration: Mapping[str, Any], *, alone: bool) -> Iterator[ProofVerdict]:
    number, asked = str(migration["number"]), asked_of(migration)
    for each in asked:
        words = (str(each[key]) for key in ("name", "expected", "observed"))
        yield ProofVerdict(str(each["state"]), number, *words)
    if not asked and alone:
        name, why = str(migration["slug"]), str(migration.get("why") or "")
        yield ProofVerdict(str(migration["state"]), number, name, "", why)

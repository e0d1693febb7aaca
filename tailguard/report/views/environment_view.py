"""The environment record as groups of terms and texts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tailguard.report.views import numbers

_ABSENT = "not recorded"


@dataclass(frozen=True, slots=True)
class FactGroup:
    """A titled list of (term, text) pairs."""

    title: str
    facts: tuple[tuple[str, str], ...]


def environment_of(found: Mapping[str, Any]) -> tuple[FactGroup, ...]:
    """Return the groups in which a reader looks for what could explain a number."""
    git, placement = found.get("git") or {}, found.get("placement") or {}
    return (
        FactGroup("Machine", _machine(found)),
        FactGroup("Placement", tuple((str(key), _cores(value)) for key, value in placement.items())),
        FactGroup("Source", (("commit", _text(git.get("commit"))), ("dirty", _text(git.get("dirty"))))),
        FactGroup("PostgreSQL", _flat(found.get("postgres") or {})),
        FactGroup("S3", _flat(found.get("s3") or {})),
        FactGroup("Packages", _flat(found.get("packages") or {})),
    )


def _machine(found: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    cpu = found.get("cpu") or {}
    cores = f"{_text(cpu.get('logical'))} logical, {_text(cpu.get('physical'))} physical"
    memory = found.get("memory_bytes")
    return (
        ("CPU", _text(cpu.get("model"))),
        ("Cores", cores),
        ("Memory", _ABSENT if memory is None else numbers.size(memory)),
        ("System", f"{_text(found.get('os'))}, kernel {_text(found.get('kernel'))}"),
        ("Python", _text(found.get("python"))),
    )


def _cores(value: Any) -> str:
    """Cores that a part was pinned to; none means that the system chose."""
    return "any core" if value is None or value == [] else _text(value)


def _flat(found: Mapping[str, Any], prefix: str = "") -> tuple[tuple[str, str], ...]:
    facts: list[tuple[str, str]] = []
    for key, value in found.items():
        if isinstance(value, Mapping):
            facts += _flat(value, f"{prefix}{key}.")
        else:
            facts.append((f"{prefix}{key}", _text(value)))
    return tuple(facts)


def _text(value: Any) -> str:
    if value is None:
        return _ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

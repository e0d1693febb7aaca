"""Whether two runs may be compared at all: the same configuration, load, machine and scenarios."""

from collections.abc import Iterator, Mapping
from typing import Any

# Where a run lies, which objectives it was judged by and how it reached its server do not change what was measured.
_OF_NO_MATTER = frozenset({"runs_dir", "objectives", "strict", "slo", "database.dsn", "s3.endpoint"})
# What makes two machines the same for a latency.
_MACHINE = (
    ("cpu", "model"),
    ("cpu", "logical"),
    ("kernel",),
    ("placement", "pinned"),
    ("placement", "generator"),
    ("placement", "server"),
    ("postgres", "version"),
    ("postgres", "source"),
    ("postgres", "settings"),
    ("s3", "server"),
)
# Memory is reported to the byte and differs by some pages from boot to boot.
_MEMORY_TOLERANCE = 0.02


def differences(baseline: Mapping[str, Any], candidate: Mapping[str, Any]) -> list[str]:
    """Return why these two run records must not be compared, each with both values; nothing where they may."""
    return [
        *_scenarios(baseline, candidate),
        *_config(baseline["config"], candidate["config"]),
        *_machine(baseline["environment"], candidate["environment"]),
        *_incomplete("baseline", baseline),
        *_incomplete("candidate", candidate),
    ]


def _incomplete(name: str, record: Mapping[str, Any]) -> Iterator[str]:
    if not record["complete"]:
        yield f"the {name} {record['id']} is incomplete: {record['incomplete_because']}"


def _scenarios(baseline: Mapping[str, Any], candidate: Mapping[str, Any]) -> Iterator[str]:
    ours, theirs = baseline["scenarios"], candidate["scenarios"]
    for slug in sorted(set(ours) ^ set(theirs)):
        yield f"scenario {slug} is missing on the {'candidate' if slug in ours else 'baseline'}'s side"
    for slug in sorted(set(ours) & set(theirs)):
        left, right = ours[slug].get("schedule"), theirs[slug].get("schedule")
        if left != right:
            yield f"schedule of {slug}: {left} against {right}"


def _config(baseline: Mapping[str, Any], candidate: Mapping[str, Any]) -> Iterator[str]:
    left, right = dict(_flat(baseline)), dict(_flat(candidate))
    for name in sorted(left.keys() | right.keys()):
        if left.get(name) != right.get(name) and not {name, name.split(".")[0]} & _OF_NO_MATTER:
            yield f"configuration {name}: {left.get(name)!r} against {right.get(name)!r}"


def _machine(baseline: Mapping[str, Any], candidate: Mapping[str, Any]) -> Iterator[str]:
    for path in _MACHINE:
        left, right = _at(baseline, path), _at(candidate, path)
        if left != right:
            yield f"machine: {' '.join(path)} {left!r} against {right!r}"
    left, right = (_at(side, ("memory_bytes",)) or 0 for side in (baseline, candidate))
    if abs(left - right) > _MEMORY_TOLERANCE * max(left, right):
        yield f"machine: memory of {left:,} against {right:,} bytes"


def _at(table: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = table
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value

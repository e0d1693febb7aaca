"""One thing that is wrong in a file of SQL, and the order in which such things are told."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong in a file; lines count from 1. `table` is the one that it locks, "" if none is known."""

    path: Path
    line: int
    severity: Severity
    rule: str
    message: str
    table: str = ""


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Sort findings: errors before warnings, then by file and line."""
    return sorted(findings, key=lambda one: (one.severity, str(one.path), one.line))

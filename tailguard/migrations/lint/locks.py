"""What the statements of a file lock, as far as their words tell it: what a proof shows on the tables themselves."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from tailguard.judge.proof.lock_words import ROWS, blocked_by, blocking
from tailguard.migrations.kinds import Recognised, recognise
from tailguard.migrations.lint.finding import Finding
from tailguard.migrations.text.sql import QUALIFIED, folded

MADE = re.compile(
    rf"CREATE\s+(?:UNLOGGED\s+|TEMP(?:ORARY)?\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?({QUALIFIED})",
    re.IGNORECASE,
)
TIMEOUT = re.compile(r"SET\s+(?:(?:LOCAL|SESSION)\s+)?lock_timeout\b", re.IGNORECASE)
RULES = {"a": "long-lock", "b": "lock-queue"}
BEHIND = (
    "While it waits behind a long transaction, all others wait behind it: set lock_timeout and try again."
)
SAFE = "`tailguard migrate prove {file}` shows it and the safe way."


def lock_findings(path: Path, found: Sequence[tuple[int, str]]) -> Iterator[Finding]:
    """Yield what keeps others waiting, of tables that the file does not make itself."""
    made = {folded(match[1]) for _, text in found if (match := MADE.match(text))}
    patient = not any(TIMEOUT.match(text) for _, text in found)
    for line, text in found:
        kind = recognise(text)
        if kind is None or kind.kind.of_class == "c" or folded(kind.parts.get("table", "")) in made:
            continue
        if kind.kind.of_class == "a" or patient:
            yield Finding(
                path,
                line,
                "warning",
                RULES[kind.kind.of_class],
                _why(path, kind),
                kind.parts.get("table", ""),
            )


def _why(path: Path, found: Recognised) -> str:
    kind, table = found.kind, found.parts.get("table") or "its table"
    grows = kind.of_class == "a"
    what = f"writes to the rows of {table}" if kind.lock == ROWS else f"{blocked_by(kind.lock)} to {table}"
    lock = "" if kind.lock == ROWS else f" ({kind.lock})"
    behind = "" if grows else f" {BEHIND}"
    return f"{kind.title} {blocking(what, grows=grows)}{lock}.{behind} {SAFE.format(file=path)}"

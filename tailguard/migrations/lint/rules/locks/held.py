"""What the statements of a file lock, as far as their words tell it: what a proof shows on the tables themselves."""

import re
from collections.abc import Iterator

from tailguard.judge.proof.lock_words import ROWS, blocked_by, blocking
from tailguard.migrations.kinds import Class, Recognised, recognise
from tailguard.migrations.lint.finding import Finding
from tailguard.migrations.lint.linted import INDEX_WORK, Linted
from tailguard.migrations.lint.rule import Check
from tailguard.migrations.text.sql import QUALIFIED, folded

MADE = re.compile(
    rf"CREATE\s+(?:UNLOGGED\s+|TEMP(?:ORARY)?\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?({QUALIFIED})",
    re.IGNORECASE,
)
TIMEOUT = re.compile(r"SET\s+(?:(?:LOCAL|SESSION)\s+)?lock_timeout\b", re.IGNORECASE)


def locking(rule: str, of_class: Class, advice: str = "") -> Check:
    """Return a check for statements of a class, on tables that the file does not make itself.

    Those that need their lock for a moment are fine once the file sets lock_timeout.
    """

    def check(folder: Linted) -> Iterator[Finding]:
        for sent in () if folder.indexes else folder.sent():
            others = [(line, text) for line, text in sent.statements if not INDEX_WORK.match(text)]
            made = {folded(match[1]) for _, text in others if (match := MADE.match(text))}
            if of_class == "b" and any(TIMEOUT.match(text) for _, text in others):
                continue
            for line, text in others:
                kind = recognise(text)
                table = kind.parts.get("table", "") if kind else ""
                if kind is not None and kind.kind.of_class == of_class and folded(table) not in made:
                    message = f"{_told(kind)} {advice}`tailguard migrate prove {sent.path}` shows it and the safe way."
                    yield Finding(sent.path, line, "warning", rule, message, table)

    return check


def _told(found: Recognised) -> str:
    kind, table = found.kind, found.parts.get("table") or "its table"
    what = f"writes to the rows of {table}" if kind.lock == ROWS else f"{blocked_by(kind.lock)} to {table}"
    lock = "" if kind.lock == ROWS else f" ({kind.lock})"
    return f"{kind.title} {blocking(what, grows=kind.of_class == 'a')}{lock}."

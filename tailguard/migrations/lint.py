"""What the text of a migration gets wrong, by file and line, before any server sees it.

These are the rules for concurrent builds; each stands for a failure that was reproduced. They contradict the usual
advice (IF NOT EXISTS, lock_timeout), which is for statements in a transaction: a concurrent build that fails leaves an
INVALID index behind, which the one takes for success and the other makes.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tailguard.base.errors import UsageError
from tailguard.migrations.migration import FILE_NAME, PARTS, read_query
from tailguard.migrations.sql import TOKEN, IndexStatement, created_index, dropped_index, folded

Severity = Literal["error", "warning"]
CONCURRENTLY = re.compile(r"\bCONCURRENTLY\b", re.IGNORECASE)
INDEX_WORK = re.compile(
    r"(CREATE\s+(UNIQUE\s+)?INDEX|DROP\s+INDEX|REINDEX\s+(INDEX|TABLE|SCHEMA|DATABASE))\b", re.IGNORECASE
)
# A pattern at a statement's start, the rule that it breaks, and why.
RULES = (
    (
        re.compile(r"CREATE\s+(UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+IF\s+NOT\s+EXISTS\b", re.IGNORECASE),
        "no-if-not-exists",
        "IF NOT EXISTS takes an INVALID leftover for success. Leave it out: the runner reads pg_index.",
    ),
    (
        re.compile(r"CREATE\s+(UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+ON\b", re.IGNORECASE),
        "named-index",
        "An index without a name cannot be checked or healed. Name it.",
    ),
    (
        re.compile(r"SET\s+((LOCAL|SESSION)\s+)?(lock_timeout|statement_timeout)\b", re.IGNORECASE),
        "no-timeout",
        "A timeout during a concurrent build leaves an INVALID index. Use --deadline: the runner cleans up after it.",
    ),
    (
        re.compile(r"(BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK)\b", re.IGNORECASE),
        "no-transaction",
        "CONCURRENTLY cannot run in a transaction block (SQLSTATE 25001). Leave it out: one statement per file.",
    ),
    (
        re.compile(
            r"(DO|CREATE\s+(OR\s+REPLACE\s+)?(FUNCTION|PROCEDURE))\b.*CONCURRENTLY", re.IGNORECASE | re.DOTALL
        ),
        "no-function",
        "CONCURRENTLY cannot run in a function or DO block (SQLSTATE 25001). Write the statement alone.",
    ),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong in a file; lines count from 1."""

    path: Path
    line: int
    severity: Severity
    rule: str
    message: str


def lint_folder(folder: Path) -> list[Finding]:
    """Return what our own rules find in a folder of migrations, in the order of its files and lines.

    Raises UsageError if there is no such folder, or nothing in it.
    """
    paths = sorted(folder.glob("*.sql")) if folder.is_dir() else []
    if not paths:
        raise UsageError(f"{folder} holds no .sql file: name the folder of your migrations with --folder.")
    found = [finding for path in paths for finding in _file_findings(path)]
    return sorted([*found, *_missing_parts(paths)], key=lambda one: (str(one.path), one.line))


def located_statements(text: str) -> list[tuple[int, str]]:
    """Split a file into (line of its first word, statement), without comments and closing semicolons."""
    found, piece, line, began = [], "", 1, 0
    for token in TOKEN.finditer(text):
        if token["end"]:
            found.append((began, piece.strip()))
            piece, began = "", 0
        elif token["comment"]:
            piece += " "
        else:
            began = began or (0 if token[0].isspace() else line)
            piece += token[0]
        line += token[0].count("\n")
    return [(at, statement) for at, statement in [*found, (began, piece.strip())] if statement]


def _file_findings(path: Path) -> Iterator[Finding]:
    name = FILE_NAME.fullmatch(path.name)
    if name is None:
        yield Finding(path, 1, "error", "file-name", "Call it NNNN_slug.up.sql, .down.sql or .query.sql.")
        return
    if name["part"] == "query":
        yield from _query_findings(path)
        return
    try:
        statements = located_statements(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        yield Finding(path, 1, "error", "utf-8", f"Not UTF-8: {error.reason} at byte {error.start}.")
        return
    yield from _statement_findings(path, statements)
    yield from _shape_findings(path, name["part"], statements)


def _statement_findings(path: Path, statements: Sequence[tuple[int, str]]) -> Iterator[Finding]:
    for line, statement in statements:
        for pattern, rule, why in RULES:
            if pattern.match(statement):
                yield Finding(path, line, "error", rule, why)
        if INDEX_WORK.match(statement) and not CONCURRENTLY.search(statement):
            why = "Without CONCURRENTLY everybody who writes waits for the whole build."
            yield Finding(path, line, "error", "concurrently", why)
    if len(statements) > 1 and any(CONCURRENTLY.search(statement) for _, statement in statements):
        why = (
            f"{len(statements)} statements: sent in one call they are one transaction (SQLSTATE 25001)."
            " Give each a migration of its own."
        )
        yield Finding(path, statements[1][0], "error", "one-statement", why)


def _shape_findings(path: Path, part: str, statements: Sequence[tuple[int, str]]) -> Iterator[Finding]:
    """Check that one way builds what the other one drops."""
    if len(statements) != 1:
        if not statements:
            yield Finding(path, 1, "error", "empty", "No statement.")
        return
    line, statement = statements[0]
    created, dropped = created_index(statement), dropped_index(statement)
    if created is None and dropped is None and not any(pattern.match(statement) for pattern, *_ in RULES):
        what = "CREATE [UNIQUE] INDEX CONCURRENTLY name ON table (...), or DROP INDEX CONCURRENTLY name"
        yield Finding(
            path, line, "error", "shape", f"The runner takes one {what}; it finds: {statement[:60]}"
        )
    other = path.with_name(path.name.replace(f".{part}.sql", f".{'down' if part == 'up' else 'up'}.sql"))
    if dropped is not None and other.exists():
        yield from _pair_findings(path, line, dropped, other)


def _pair_findings(path: Path, line: int, dropped: IndexStatement, other: Path) -> Iterator[Finding]:
    built = _built_by(other)
    if built is None:
        yield Finding(
            path, line, "error", "way-back", f"Drops {dropped.index}, but {other.name} builds no index."
        )
    elif built != folded(dropped.index.split(".")[-1].strip()):
        yield Finding(
            path, line, "error", "same-index", f"Drops {dropped.index}, but {other.name} builds {built}."
        )


def _built_by(up: Path) -> str | None:
    """Return the name of the index that a file builds, None if it cannot be read."""
    built = [
        created_index(one) for _, one in located_statements(up.read_text(encoding="utf-8", errors="replace"))
    ]
    return next((folded(one.index) for one in built if one is not None), None)


def _query_findings(path: Path) -> Iterator[Finding]:
    try:
        read_query(path)
    except (UsageError, UnicodeDecodeError) as error:
        yield Finding(path, 1, "error", "query", str(error).removeprefix(f"{path}: "))


def _missing_parts(paths: Sequence[Path]) -> Iterator[Finding]:
    names = {path.name for path in paths}
    stems: dict[str, Path] = {}
    for path in paths:
        match = FILE_NAME.fullmatch(path.name)
        if match is not None:
            stems.setdefault(f"{match['number']}_{match['slug']}", path)
    numbers: dict[str, str] = {}
    for stem, path in stems.items():
        for part in PARTS:
            if f"{stem}.{part}.sql" not in names:
                yield Finding(
                    path, 1, "error", "complete", f"{stem}.{part}.sql is missing: write it beside this file."
                )
        taken = numbers.setdefault(stem[:4], stem)
        if taken != stem:
            yield Finding(
                path, 1, "error", "number", f"{taken} has the number {stem[:4]} too: renumber the newer one."
            )

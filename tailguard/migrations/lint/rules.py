"""What the text of a migration gets wrong, by file and line, before any server sees it.

These are the rules for concurrent builds; each stands for a failure that was reproduced. They contradict the usual
advice (IF NOT EXISTS, lock_timeout), which is for statements in a transaction: a concurrent build that fails leaves an
INVALID index behind, which the one takes for success and the other makes.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from tailguard.base.errors import UsageError
from tailguard.migrations.lint.finding import Finding, in_order
from tailguard.migrations.lint.locks import lock_findings
from tailguard.migrations.lint.other_tools import sections, tool_of
from tailguard.migrations.migration import FILE_NAME, WAYS
from tailguard.migrations.text.query import read_query
from tailguard.migrations.text.sql import (
    IndexStatement,
    created_index,
    dropped_index,
    folded,
    located_statements,
    read_sql,
    statements,
)

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
# These are right beside most statements, and wrong beside a concurrent build alone.
BESIDE_A_BUILD = frozenset({"no-timeout", "no-transaction"})
ONLY_INDEXES = (
    "The runner takes one CREATE [UNIQUE] INDEX CONCURRENTLY name ON table (...), or DROP INDEX CONCURRENTLY name."
    " Leave all else to the tool that applies your other migrations, in a folder of its own."
)


def lint_folder(folder: Path) -> list[Finding]:
    """Return what our own rules find in a folder of migrations, the errors first, then by file and line.

    Raises UsageError if there is no such folder, or nothing in it.
    """
    paths = linted_files(folder)
    ours = [path for path in paths if FILE_NAME.fullmatch(path.name)]
    if not ours:
        return in_order([finding for path in paths for finding in _other_tools_findings(path)])
    found = [finding for path in paths for finding in _file_findings(path)]
    return in_order([*found, *_missing_parts(ours)])


def linted_files(folder: Path) -> list[Path]:
    """Return the files of a folder that are looked at; Prisma keeps each in a folder of its own."""
    paths = sorted([*folder.glob("*.sql"), *folder.glob("*/migration.sql")]) if folder.is_dir() else []
    if not paths:
        raise UsageError(f"{folder} holds no .sql file: name the folder of your migrations with --folder.")
    return paths


def _file_findings(path: Path) -> Iterator[Finding]:
    name = FILE_NAME.fullmatch(path.name)
    if name is None:
        yield Finding(path, 1, "error", "file-name", "Call it NNNN_slug.up.sql, .down.sql or .query.sql.")
        return
    text = _text(path)
    if isinstance(text, Finding):
        yield text
    elif name["part"] == "query":
        yield from _query_findings(path)
    else:
        found = located_statements(text)
        yield from _statement_findings(path, found)
        yield from _together_findings(path, found)
        yield from _shape_findings(path, name["part"], found)


def _other_tools_findings(path: Path) -> Iterator[Finding]:
    """Check what is inside of a file that another tool applies: how it is called is that tool's matter."""
    text = _text(path)
    if isinstance(text, Finding):
        yield text
        return
    tool = tool_of(path, text)
    for section in sections(tool, text):
        found = [(section.line + line - 1, statement) for line, statement in located_statements(section.text)]
        yield from _statement_findings(path, found)
        others = [(line, text) for line, text in found if not INDEX_WORK.match(text)]
        yield from lock_findings(path, others)  # an index has rules of its own
        if tool is None or not tool.one_by_one:
            yield from _together_findings(path, found)
        concurrent = [line for line, statement in found if CONCURRENTLY.search(statement)]
        if concurrent and tool is not None and tool.marker and tool.marker not in text:
            why = (
                f"{tool.name} opens a transaction, where CONCURRENTLY cannot run: say `{tool.marker}` there."
            )
            yield Finding(path, concurrent[0], "error", "no-transaction", why)


def _text(path: Path) -> str | Finding:
    try:
        return read_sql(path)
    except UsageError as error:
        rule = "utf-8" if isinstance(error.__cause__, UnicodeDecodeError) else "text"
        return Finding(path, 1, "error", rule, str(error).removeprefix(f"{path}: "))


def _statement_findings(path: Path, found: Sequence[tuple[int, str]]) -> Iterator[Finding]:
    concurrent = any(CONCURRENTLY.search(statement) for _, statement in found)
    for line, statement in found:
        for rule, why in _broken(statement, concurrent=concurrent):
            yield Finding(path, line, "error", rule, why)
        if INDEX_WORK.match(statement) and not CONCURRENTLY.search(statement):
            why = "Without CONCURRENTLY everybody who writes waits for the whole build."
            build = created_index(statement)
            yield Finding(path, line, "error", "concurrently", why, build.table if build else "")


def _broken(statement: str, *, concurrent: bool) -> list[tuple[str, str]]:
    """Return the rules that a statement breaks, and why; `concurrent` tells of its whole file."""
    return [
        (rule, why)
        for pattern, rule, why in RULES
        if pattern.match(statement) and (concurrent or rule not in BESIDE_A_BUILD)
    ]


def _together_findings(path: Path, found: Sequence[tuple[int, str]]) -> Iterator[Finding]:
    if len(found) > 1 and any(CONCURRENTLY.search(statement) for _, statement in found):
        why = (
            f"{len(found)} statements: sent in one call they are one transaction (SQLSTATE 25001)."
            " Give each a migration of its own."
        )
        yield Finding(path, found[1][0], "error", "one-statement", why)


def _shape_findings(path: Path, part: str, found: Sequence[tuple[int, str]]) -> Iterator[Finding]:
    """Check that one way builds what the other one drops."""
    if len(found) != 1:
        if not found:
            yield Finding(path, 1, "error", "empty", "No statement.")
        return
    line, statement = found[0]
    created, dropped = created_index(statement), dropped_index(statement)
    concurrent = CONCURRENTLY.search(statement) is not None
    if created is None and dropped is None and not _broken(statement, concurrent=concurrent):
        yield Finding(path, line, "error", "shape", f"{ONLY_INDEXES} It finds: {statement[:60]}")
    if created is not None and created.index_schema:
        why = f"An index takes its table's schema: write {created.index} without {created.index_schema}."
        yield Finding(path, line, "error", "bare-name", why)
    other = path.with_name(path.name.replace(f".{part}.sql", f".{'down' if part == 'up' else 'up'}.sql"))
    if dropped is not None and other.exists():
        yield from _pair_findings(path, line, dropped, other)


def _pair_findings(path: Path, line: int, dropped: IndexStatement, other: Path) -> Iterator[Finding]:
    built = _built_by(other)
    if built is None:
        why = f"Drops {dropped.index}, but {other.name} builds no index."
        yield Finding(path, line, "error", "way-back", why)
    elif built != folded(dropped.index):
        why = f"Drops {dropped.index}, but {other.name} builds {built}."
        yield Finding(path, line, "error", "same-index", why)


def _built_by(up: Path) -> str | None:
    """Return the name of the index that a file builds, None if it cannot be read."""
    text = _text(up)
    built = [] if isinstance(text, Finding) else [created_index(one) for one in statements(text)]
    return next((folded(one.index) for one in built if one is not None), None)


def _query_findings(path: Path) -> Iterator[Finding]:
    try:
        read_query(path)
    except UsageError as error:
        yield Finding(path, 1, "error", "query", str(error).removeprefix(f"{path}: "))


def _missing_parts(paths: Sequence[Path]) -> Iterator[Finding]:
    """`paths` are named as ours are."""
    names = {path.name for path in paths}
    stems: dict[str, Path] = {}
    for path in paths:
        stems.setdefault(path.name.split(".")[0], path)
    numbers: dict[str, str] = {}
    for stem, path in stems.items():
        for way in WAYS:
            if f"{stem}.{way}.sql" not in names:
                why = f"{stem}.{way}.sql is missing: write it beside this file."
                yield Finding(path, 1, "error", "complete", why)
        if f"{stem}.query.sql" not in names:
            why = f"{stem}.query.sql is missing: without the query that it is for, its gain cannot be proven."
            yield Finding(path, 1, "warning", "complete", why)
        taken = numbers.setdefault(stem[:4], stem)
        if taken != stem:
            why = f"{taken} has the number {stem[:4]} too: renumber the newer one."
            yield Finding(path, 1, "error", "number", why)

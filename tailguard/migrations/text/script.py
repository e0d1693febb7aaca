"""A SQL file as psql reads it: statements, each with its line, and which of them share a transaction."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tailguard.base.errors import UsageError
from tailguard.migrations.lint.linted import CONCURRENTLY
from tailguard.migrations.lint.other_tools import Tool, sections, tool_of
from tailguard.migrations.text.lexer import NAME_PART, tokens
from tailguard.migrations.text.sql import read_sql

# What a file of such a tool holds after this line leads back: it is not part of the migration.
WAY_BACK = re.compile(r"^--\s*(?:migrate:down|\+goose\s+Down)\b", re.IGNORECASE | re.MULTILINE)
ROUTINE = re.compile(r"CREATE\s+(?:OR\s+REPLACE\s+)?(?:FUNCTION|PROCEDURE)\b", re.IGNORECASE)
BEGIN = re.compile(r"(?:BEGIN|START\s+TRANSACTION)\b(?!\s+ATOMIC)", re.IGNORECASE)
COMMIT = re.compile(r"(?:COMMIT|END)\b(?!\s+PREPARED)", re.IGNORECASE)
ROLLBACK = re.compile(r"(?:ROLLBACK|ABORT)(?:\s+(?:WORK|TRANSACTION))?$", re.IGNORECASE)
SETTING = re.compile(r"(?:SET|RESET)\s+(?!LOCAL\b|CONSTRAINTS\b|TRANSACTION\b)", re.IGNORECASE)
COPY_DATA = re.compile(r"COPY\b.*\bFROM\s+STDIN\b", re.IGNORECASE | re.DOTALL)
PSQL = re.compile(r"\\\S*")
WORD = re.compile(rf"{NAME_PART}+")
PARENTHESES = {"(": 1, ")": -1}


@dataclass(frozen=True, slots=True)
class Located:
    """A statement without comments and its closing semicolon; `line` is that of its first word, from 1."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """Statements that are committed together. `settings` are what the session set before them, such as a timeout."""

    statements: tuple[Located, ...]
    transaction: bool
    settings: tuple[str, ...] = ()


def read_blocks(path: Path, *, single_transaction: bool = False) -> list[Block]:
    """Read a migration's way up as the tool sends it whose name and marks the file has, else as psql does.

    Raises UsageError for what no server can execute: a line of psql's own, rows of COPY, a transaction without an end.
    """
    text = read_sql(path)
    tool = tool_of(path, text)
    way_back = WAY_BACK.search(text)
    up = text[: way_back.start()] if way_back else text
    try:
        found = [*split(up)]
        together = single_transaction or (tool is not None and _in_one_transaction(tool, up, found))
        return blocks(found, single_transaction=together)
    except UsageError as error:
        raise UsageError(f"{path}:{error}") from None


def split(text: str) -> Iterator[Located]:
    """Yield the statements of a text. Raises UsageError, "LINE: why", for a line of psql's own."""
    piece, line, began, depth, words = "", 1, 0, 0, ""
    for token in tokens(text):
        if token.kind == "other" and token.text.startswith("\\"):
            raise UsageError(f"{line}: {_psql_line(text, line)}")
        if token.kind == "end" and depth <= 0:
            if piece.strip():
                yield Located(began, piece.strip())
            piece, began, depth = "", 0, 0
        elif token.kind == "comment":
            piece += " "
        else:
            began = began or (0 if token.text.isspace() else line)
            piece += token.text
            depth += PARENTHESES.get(token.text, 0)
            if token.kind == "other" and WORD.fullmatch(token.text):
                depth += _deeper(piece, token.text.upper(), words, depth)
                words = token.text.upper()
        line += token.text.count("\n")
    if piece.strip():
        yield Located(began, piece.strip())


def blocks(found: Sequence[Located], *, single_transaction: bool = False) -> list[Block]:
    """Put statements together that share a transaction. Raises UsageError, "LINE: why"."""
    for one in found:
        if COPY_DATA.match(one.text):
            raise UsageError(f"{one.line}: COPY FROM STDIN: its rows are not SQL. Write INSERT statements.")
    if single_transaction:
        inside = [one for one in found if not (BEGIN.match(one.text) or COMMIT.match(one.text))]
        return [Block(tuple(inside), transaction=True)] if inside else []
    return [*_blocks(found)]


def _blocks(found: Sequence[Located]) -> Iterator[Block]:
    opened: Located | None = None
    inside: list[Located] = []
    settings: list[str] = []
    for one in found:
        if opened is None and BEGIN.match(one.text):
            opened, inside = one, []
        elif opened is not None and ROLLBACK.match(one.text):
            opened = None
        elif opened is not None and COMMIT.match(one.text):
            opened = None
            if inside:
                yield Block(tuple(inside), transaction=True, settings=tuple(settings))
        elif opened is not None:
            inside.append(one)
        elif SETTING.match(one.text):
            settings.append(one.text)
        else:
            yield Block((one,), transaction=False, settings=tuple(settings))
    if opened is not None:
        raise UsageError(f"{opened.line}: {opened.text} is never committed: write COMMIT at its end.")


def _deeper(piece: str, word: str, before: str, depth: int) -> int:
    """How a word changes the depth: in a routine's BEGIN ATOMIC a semicolon ends no statement, as psql has it too."""
    if word == "ATOMIC" and before == "BEGIN" and ROUTINE.match(piece.lstrip()):
        return 1
    if depth > 0 and ROUTINE.match(piece.lstrip()):
        return {"CASE": 1, "END": -1}.get(word, 0)
    return 0


def _psql_line(text: str, line: int) -> str:
    command = PSQL.search(text.splitlines()[line - 1])
    word = command[0] if command else "\\"
    if word in ("\\c", "\\connect"):
        return f"{word} is a command of psql: what follows is for another database. Write a file for each database."
    return f"{word} is a command of psql, not SQL: only psql knows it. Take the line out, or write what it does in SQL."


def _in_one_transaction(tool: Tool, text: str, found: Sequence[Located]) -> bool:
    """Whether a tool sends a file in one transaction: by its own rules, unless its marker is there.

    Without a marker it sends the whole file in one call, which is a transaction only if it has several statements, or
    looks itself for what allows none.
    """
    if tool.marker:
        return not any(tool.marker in section.text for section in sections(tool, text))
    if tool.one_by_one:
        return not any(CONCURRENTLY.search(each.text) for each in found)
    return len(found) > 1

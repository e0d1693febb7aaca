"""The SQL text of a migration: its statements, and what an index statement says.

PostgreSQL itself judges what a definition and a name mean (see `index.py`); here only the words around it are read.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from tailguard.base.errors import UsageError
from tailguard.base.reading.regular_file import read_text
from tailguard.migrations.text.lexer import LETTER, NAME_PART, tokens

LONGEST_NAME = 63  # bytes; PostgreSQL cuts longer ones off
NAME = rf'(?:"(?:[^"]|"")+"|{LETTER}{NAME_PART}*)'
QUALIFIED = rf"{NAME}(?:\s*\.\s*{NAME})?"
CREATE = re.compile(
    rf"""CREATE\s+(?P<unique>UNIQUE\s+)?INDEX\s+(?P<concurrently>CONCURRENTLY\s+)?(?P<lenient>IF\s+NOT\s+EXISTS\s+)?
         (?P<index>{QUALIFIED})\s+ON\s+(?:ONLY\s+)?(?P<table>{QUALIFIED})\s*(?P<shape>(?:USING\b|\().*)""",
    re.DOTALL | re.VERBOSE | re.IGNORECASE | re.ASCII,
)
DROP = re.compile(
    rf"""DROP\s+INDEX\s+(?P<concurrently>CONCURRENTLY\s+)?(?P<lenient>IF\s+EXISTS\s+)?(?P<index>{QUALIFIED})
         (?:\s+(?:CASCADE|RESTRICT))?""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
PARTS = re.compile(NAME, re.ASCII)


@dataclass(frozen=True, slots=True)
class IndexStatement:
    """What a CREATE INDEX or DROP INDEX says. Names are as written: quoted if the file quotes them."""

    index: str
    concurrently: bool
    lenient: bool  # IF NOT EXISTS or IF EXISTS
    unique: bool = False
    table: str = ""
    shape: str = ""  # all that follows the table: USING, columns, INCLUDE, WITH, WHERE
    index_schema: str = ""


def read_sql(path: Path) -> str:
    """Return the text of a file, without a byte order mark. Raises UsageError if PostgreSQL cannot read it."""
    text = read_text(path)
    if "\0" in text:
        raise UsageError(
            f"{path}: has a NUL character (line {text[: text.index(chr(0))].count(chr(10)) + 1})."
        )
    return text


def statements(sql: str) -> list[str]:
    """Split a file into its statements, without comments and closing semicolons."""
    return [statement for _, statement in located_statements(sql)]


def located_statements(sql: str) -> list[tuple[int, str]]:
    """Split a file into (line of its first word, statement), without comments and closing semicolons."""
    found, piece, line, began = [], "", 1, 0
    for token in tokens(sql):
        if token.kind == "end":
            found.append((began, piece.strip()))
            piece, began = "", 0
        elif token.kind == "comment":
            piece += " "
        else:
            began = began or (0 if token.text.isspace() else line)
            piece += token.text
        line += token.text.count("\n")
    return [(at, statement) for at, statement in [*found, (began, piece.strip())] if statement]


def created_index(statement: str) -> IndexStatement | None:
    """Read a CREATE INDEX, or return None if the statement is something else."""
    match = CREATE.fullmatch(statement)
    if match is None:
        return None
    unique, shape = match["unique"] is not None, match["shape"].strip()
    return replace(_of_index(match), unique=unique, table=match["table"], shape=shape)


def dropped_index(statement: str) -> IndexStatement | None:
    """Read a DROP INDEX of one index, or return None if the statement is something else."""
    match = DROP.fullmatch(statement)
    return _of_index(match) if match else None


def _of_index(match: re.Match[str]) -> IndexStatement:
    *schema, index = name_parts(match["index"])
    return IndexStatement(
        index=index,
        concurrently=match["concurrently"] is not None,
        lenient=match["lenient"] is not None,
        index_schema=schema[0] if schema else "",
    )


def name_parts(name: str) -> list[str]:
    """Split a name such as app."Order" at its dot, each part as written."""
    return PARTS.findall(name)


def folded(name: str) -> str:
    """Return a name as a catalogue in UTF-8 has it: unquoted, or in small letters (ASCII's) if it was not quoted.

    For files alone: a server is asked itself (`index.catalogue_name`).
    """
    plain = name[1:-1].replace('""', '"') if name.startswith('"') else re.sub("[A-Z]+", _lower, name)
    return cut(plain, LONGEST_NAME)


def cut(name: str, most: int) -> str:
    """Return as much of a name as fits into `most` bytes, in whole characters."""
    return name.encode()[:most].decode(errors="ignore")


def _lower(match: re.Match[str]) -> str:
    return match[0].lower()

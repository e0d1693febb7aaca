"""The SQL text of a migration: its statements, and what an index statement says.

PostgreSQL itself judges what a definition means (see `index.py`); here only the words around it are read.
"""

import re
from dataclasses import dataclass

# One token: a comment, a quoted text in which a semicolon means nothing, a semicolon, or any other character.
TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/)
      | (?P<quoted>'(?:[^']|'')*' | "(?:[^"]|"")*" | (?P<tag>\$\w*\$).*?(?P=tag))
      | (?P<end>;)
      | (?P<other>.)""",
    re.DOTALL | re.VERBOSE,
)
NAME = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
QUALIFIED = rf"{NAME}(?:\s*\.\s*{NAME})?"
CREATE = re.compile(
    rf"""CREATE\s+(?P<unique>UNIQUE\s+)?INDEX\s+(?P<concurrently>CONCURRENTLY\s+)?(?P<lenient>IF\s+NOT\s+EXISTS\s+)?
         (?P<index>{NAME})\s+ON\s+(?:ONLY\s+)?(?P<table>{QUALIFIED})\s*(?P<shape>(?:USING\b|\().*)""",
    re.DOTALL | re.VERBOSE | re.IGNORECASE,
)
DROP = re.compile(
    rf"DROP\s+INDEX\s+(?P<concurrently>CONCURRENTLY\s+)?(?P<lenient>IF\s+EXISTS\s+)?(?P<index>{QUALIFIED})",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class IndexStatement:
    """What a CREATE INDEX or DROP INDEX says. Names are as written: quoted if the file quotes them."""

    index: str
    concurrently: bool
    lenient: bool  # IF NOT EXISTS or IF EXISTS
    unique: bool = False
    table: str = ""
    shape: str = ""  # all that follows the table: USING, columns, INCLUDE, WITH, WHERE


def statements(sql: str) -> list[str]:
    """Split a file into its statements, without comments and closing semicolons."""
    found, piece = [], ""
    for token in TOKEN.finditer(sql):
        if token["end"]:
            found.append(piece.strip())
            piece = ""
        else:
            piece += " " if token["comment"] else token[0]
    return [statement for statement in [*found, piece.strip()] if statement]


def created_index(statement: str) -> IndexStatement | None:
    """Read a CREATE INDEX, or return None if the statement is something else."""
    match = CREATE.fullmatch(statement)
    if match is None:
        return None
    return IndexStatement(
        index=match["index"],
        concurrently=match["concurrently"] is not None,
        lenient=match["lenient"] is not None,
        unique=match["unique"] is not None,
        table=match["table"],
        shape=match["shape"].strip(),
    )


def dropped_index(statement: str) -> IndexStatement | None:
    """Read a DROP INDEX of one index, or return None if the statement is something else."""
    match = DROP.fullmatch(statement)
    if match is None:
        return None
    return IndexStatement(match["index"], match["concurrently"] is not None, match["lenient"] is not None)


def folded(name: str) -> str:
    """Return a name as the catalogue has it: unquoted, or in lower case if it was not quoted."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()

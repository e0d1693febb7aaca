"""Folders of other migration tools: how their files are called, and what of a file is sent in one call."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool. A file of its is one of `names` and, if `section` is given, holds such a line; sections are sent apart.

    `one_by_one`: it sends each statement in a call of its own. `marker` is what keeps a file or section of its out of a
    transaction; without one it decides by itself, or never opens one.
    """

    name: str
    names: re.Pattern[str]
    section: re.Pattern[str] | None = None
    one_by_one: bool = False
    marker: str = ""


# In this order: names of the last ones fit files of those before.
TOOLS = (
    Tool("Prisma", re.compile(r"migration\.sql")),
    Tool("Flyway", re.compile(r"(?:[VUB][\d._]+|R)__.+\.sql"), one_by_one=True),
    Tool(
        "dbmate",
        re.compile(r"\d+_.+\.sql"),
        section=re.compile(r"^--\s*migrate:(?:up|down)\b.*$", re.MULTILINE),
        marker="transaction:false",
    ),
    Tool(
        "goose",
        re.compile(r"\d+_.+\.sql"),
        section=re.compile(r"^--\s*\+goose\s+(?:Up|Down)\b.*$", re.MULTILINE | re.IGNORECASE),
        one_by_one=True,
        marker="+goose NO TRANSACTION",
    ),
    Tool("golang-migrate or sqlx", re.compile(r"\d+_.+\.(?:up|down)\.sql")),
    Tool("sqlx", re.compile(r"\d+_.+\.sql"), marker="no-transaction"),
)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a file that is sent by itself; its first line counts from 1."""

    line: int
    text: str


def tool_of(path: Path, text: str) -> Tool | None:
    """Return the tool that a file is written for, None if it is none that we know."""
    for tool in TOOLS:
        if tool.names.fullmatch(path.name) and (tool.section is None or tool.section.search(text)):
            return tool
    return None


def sections(tool: Tool | None, text: str) -> Iterator[Section]:
    """Yield the parts of a file: all of it, unless the tool has lines that part it."""
    starts = [match.start() for match in tool.section.finditer(text)] if tool and tool.section else []
    for start, end in zip([0, *starts], [*starts, len(text)], strict=True):
        yield Section(1 + text[:start].count("\n"), text[start:end])

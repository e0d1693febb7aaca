"""A folder of migrations as the rules see it: each file read once, with what its tool sends by itself."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tailguard.base.errors import UsageError
from tailguard.migrations.lint.other_tools import Tool, sections, tool_of
from tailguard.migrations.migration import FILE_NAME
from tailguard.migrations.text.sql import located_statements, read_sql

Part = Literal["up", "down", "query", ""]
CONCURRENTLY = re.compile(r"\bCONCURRENTLY\b", re.IGNORECASE)
INDEX_WORK = re.compile(
    r"(CREATE\s+(UNIQUE\s+)?INDEX|DROP\s+INDEX|REINDEX\s+(INDEX|TABLE|SCHEMA|DATABASE))\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a tool sends by itself, a file or a section of one: its statements, each with its line."""

    path: Path
    statements: tuple[tuple[int, str], ...]
    tool: Tool | None = None
    text: str = ""  # of the whole file

    @property
    def concurrent(self) -> bool:
        """Whether anything in it is built or dropped CONCURRENTLY."""
        return any(CONCURRENTLY.search(statement) for _, statement in self.statements)


@dataclass(frozen=True, slots=True)
class SqlFile:
    """One file. `part` is "" if it is not named as those of an index migration; `unread` is why it cannot be read."""

    path: Path
    part: Part = ""
    sent: tuple[Sent, ...] = ()
    unread: UsageError | None = None


@dataclass(frozen=True, slots=True)
class Linted:
    """The files of a folder. `indexes`: it holds index migrations, not files that another tool applies."""

    files: tuple[SqlFile, ...]
    indexes: bool

    def sent(self) -> Iterator[Sent]:
        """Yield what is sent to a server, of all files."""
        for file in self.files:
            yield from file.sent

    def ways(self) -> Iterator[tuple[SqlFile, Sent]]:
        """Yield the ways up and down of index migrations that can be read."""
        yield from ((file, file.sent[0]) for file in self.files if file.part in ("up", "down") and file.sent)

    def only_statements(self) -> Iterator[tuple[Path, int, str]]:
        """Yield the statement of each way that has just one, with its line."""
        for file, sent in self.ways():
            if len(sent.statements) == 1:
                yield file.path, *sent.statements[0]


def read_linted(folder: Path) -> Linted:
    """Read a folder. Raises UsageError if there is no such folder, or nothing in it."""
    paths = linted_files(folder)
    indexes = any(FILE_NAME.fullmatch(path.name) for path in paths)
    return Linted(tuple(_read(path, indexes=indexes) for path in paths), indexes)


def linted_files(folder: Path) -> list[Path]:
    """Return the files of a folder that are looked at; Prisma keeps each in a folder of its own."""
    paths = sorted([*folder.glob("*.sql"), *folder.glob("*/migration.sql")]) if folder.is_dir() else []
    if not paths:
        raise UsageError(f"{folder} holds no .sql file: name the folder of your migrations with --folder.")
    return paths


def _read(path: Path, *, indexes: bool) -> SqlFile:
    named = FILE_NAME.fullmatch(path.name)
    part: Part = named["part"] if named else ""  # type: ignore[assignment]  # one of the words of the pattern
    if indexes and part == "":
        return SqlFile(path)
    try:
        text = read_sql(path)
    except UsageError as error:
        return SqlFile(path, part, unread=error)
    if part == "query":
        return SqlFile(path, part)
    tool = None if indexes else tool_of(path, text)
    return SqlFile(
        path,
        part,
        tuple(
            Sent(
                path,
                tuple((one.line + line - 1, sql) for line, sql in located_statements(one.text)),
                tool,
                text,
            )
            for one in sections(tool, text)
        ),
    )

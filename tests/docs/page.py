"""A page of the documentation: the files that it shows, and the commands that it gives, in their order."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
# A block in a list is indented.
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
# A file's first line is a comment with its name; the line before a CSV file names it, as CSV has no comments.
NAMED = re.compile(r"(?:#|//|--|<!--) ([\w./-]*\.[a-z]\w*)\b[^\n]*\n")
NAMED_ABOVE = re.compile(r"`([\w./-]+\.csv)`:\n\n$")
COMMENT = re.compile(r"\s+# .*$")


@dataclass(frozen=True)
class ShownFile:
    """A file that a page shows whole."""

    name: str
    text: str


@dataclass(frozen=True)
class Console:
    """The commands of one block, without their comments."""

    commands: tuple[str, ...]


def blocks(path: Path) -> Iterator[ShownFile | Console]:
    """Yield what a reader would write and type, from the top of a page to its end."""
    text = path.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        indent, kind, body = found.groups()
        lines = "".join(line.removeprefix(indent) for line in body.splitlines(keepends=True))
        if kind == "console":
            typed = (line.removeprefix("$ ") for line in lines.splitlines() if line.startswith("$ "))
            yield Console(tuple(COMMENT.sub("", line) for line in typed))
        elif above := NAMED_ABOVE.search(text, 0, found.start()):
            yield ShownFile(above[1], lines)
        elif named := NAMED.match(lines):
            yield ShownFile(named[1], lines)


def with_console() -> list[Path]:
    """Return the README, the tutorial and the how-to guides that give commands."""
    pages = [
        ROOT / "README.md",
        *sorted((DOCS / "tutorial").rglob("*.md")),
        *sorted((DOCS / "how-to").rglob("*.md")),
    ]
    return [page for page in pages if any(isinstance(block, Console) for block in blocks(page))]

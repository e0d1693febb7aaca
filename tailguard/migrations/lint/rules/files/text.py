"""The file cannot be read as SQL: it holds a NUL character, at which PostgreSQL would end it, or is not a file."""

from collections.abc import Iterator

from tailguard.migrations.lint.finding import Finding
from tailguard.migrations.lint.linted import Linted
from tailguard.migrations.lint.rule import INDEX, UP, Example, Rule


def check(folder: Linted) -> Iterator[Finding]:
    """Find files that cannot be read, whatever their encoding."""
    for file in folder.files:
        if file.unread is not None and not isinstance(file.unread.__cause__, UnicodeDecodeError):
            why = str(file.unread).removeprefix(f"{file.path}: ")
            yield Finding(file.path, 1, "error", "text", why)


RULE = Rule(
    name="text",
    severity="error",
    summary="A file is text.",
    why=__doc__ or "",
    example=Example(bad={**INDEX, UP: f"{INDEX[UP]}\0"}, good=INDEX, shown="cannot be used"),
    check=check,
)

"""Files are read as UTF-8. Another encoding would send other characters than the author saw, or none at all."""

from collections.abc import Iterator

from tailguard.migrations.lint.finding import Finding
from tailguard.migrations.lint.linted import Linted
from tailguard.migrations.lint.rule import INDEX, UP, Example, Rule


def check(folder: Linted) -> Iterator[Finding]:
    """Find files that are not UTF-8."""
    for file in folder.files:
        if file.unread is not None and isinstance(file.unread.__cause__, UnicodeDecodeError):
            why = str(file.unread).removeprefix(f"{file.path}: ")
            yield Finding(file.path, 1, "error", "utf-8", why)


RULE = Rule(
    name="utf-8",
    severity="error",
    summary="A file is UTF-8.",
    why=__doc__ or "",
    example=Example(
        bad={**INDEX, UP: f"-- caf\udce9\n{INDEX[UP]}"},
        good={**INDEX, UP: f"-- café\n{INDEX[UP]}"},
        shown="cannot be used",
    ),
    check=check,
)

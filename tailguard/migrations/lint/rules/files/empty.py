"""A way up or down without a statement would count as applied and do nothing."""

from collections.abc import Iterator

from tailguard.migrations.lint.finding import Finding
from tailguard.migrations.lint.linted import Linted
from tailguard.migrations.lint.rule import INDEX, UP, Example, Rule


def check(folder: Linted) -> Iterator[Finding]:
    """Find ways up and down that hold comments alone."""
    for file, sent in folder.ways():
        if not sent.statements:
            yield Finding(file.path, 1, "error", "empty", "No statement.")


RULE = Rule(
    name="empty",
    severity="error",
    summary="A way up or down has a statement.",
    why=__doc__ or "",
    example=Example(bad={**INDEX, UP: "-- to be written\n"}, good=INDEX, shown="cannot be used"),
    check=check,
)

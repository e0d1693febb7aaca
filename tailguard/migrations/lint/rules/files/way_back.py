"""`tailguard migrate down` drops what `up` built. If the other way builds no index, nothing leads back."""

from collections.abc import Iterator

from tailguard.migrations.lint.finding import Finding
from tailguard.migrations.lint.linted import Linted
from tailguard.migrations.lint.rule import INDEX, UP, Example, Rule
from tailguard.migrations.lint.rules.files.pairs import pairs


def check(folder: Linted) -> Iterator[Finding]:
    """Find drops beside which nothing is built."""
    for path, line, dropped, other, built in pairs(folder):
        if built is None:
            why = f"Drops {dropped.index}, but {other.name} builds no index."
            yield Finding(path, line, "error", "way-back", why)


RULE = Rule(
    name="way-back",
    severity="error",
    summary="What one way drops, the other one builds.",
    why=__doc__ or "",
    example=Example(bad={**INDEX, UP: "ANALYZE orders;\n"}, good=INDEX, shown="cannot be used"),
    check=check,
)

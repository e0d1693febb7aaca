"""If the way down drops another index than the way up built, the new one stays and one that is in use is gone."""

from collections.abc import Iterator

from tailguard.migrations.lint.finding import Finding
from tailguard.migrations.lint.linted import Linted
from tailguard.migrations.lint.rule import DOWN, INDEX, Example, Rule
from tailguard.migrations.lint.rules.files.pairs import pairs
from tailguard.migrations.text.sql import folded


def check(folder: Linted) -> Iterator[Finding]:
    """Find drops of another index than the one that is built."""
    for path, line, dropped, other, built in pairs(folder):
        if built is not None and built != folded(dropped.index):
            why = f"Drops {dropped.index}, but {other.name} builds {built}."
            yield Finding(path, line, "error", "same-index", why)


RULE = Rule(
    name="same-index",
    severity="error",
    summary="Both ways name the same index.",
    why=__doc__ or "",
    example=Example(
        bad={**INDEX, DOWN: "DROP INDEX CONCURRENTLY orders_status;\n"}, good=INDEX, shown="cannot be used"
    ),
    check=check,
)

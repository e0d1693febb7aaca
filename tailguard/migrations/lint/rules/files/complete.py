"""An index migration is three files. Without its way up or down it cannot be applied or undone; without the query
that the index is for (a warning) it can, but nobody can prove what it gains.
"""

from collections.abc import Iterator

from tailguard.migrations.lint.finding import Finding
from tailguard.migrations.lint.linted import Linted
from tailguard.migrations.lint.rule import DOWN, INDEX, Example, Rule
from tailguard.migrations.migration import WAYS


def check(folder: Linted) -> Iterator[Finding]:
    """Find migrations whose files are not all there."""
    names = {file.path.name for file in folder.files}
    for stem, path in {
        file.path.name.split(".")[0]: file.path for file in reversed(folder.files) if file.part
    }.items():
        for way in WAYS:
            if f"{stem}.{way}.sql" not in names:
                why = f"{stem}.{way}.sql is missing: write it beside this file."
                yield Finding(path, 1, "error", "complete", why)
        if f"{stem}.query.sql" not in names:
            why = f"{stem}.query.sql is missing: without the query that it is for, its gain cannot be proven."
            yield Finding(path, 1, "warning", "complete", why)


RULE = Rule(
    name="complete",
    severity="error",
    summary="A migration has its way up, its way down and its query.",
    why=__doc__ or "",
    example=Example(
        bad={name: text for name, text in INDEX.items() if name != DOWN}, good=INDEX, shown="cannot be used"
    ),
    check=check,
)

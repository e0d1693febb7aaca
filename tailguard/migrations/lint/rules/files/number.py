"""Migrations are applied in the order of their numbers. Two that share one, as after a merge, have no order."""

from collections.abc import Iterator

from tailguard.migrations.lint.finding import Finding
from tailguard.migrations.lint.linted import Linted
from tailguard.migrations.lint.rule import INDEX, Example, Rule


def check(folder: Linted) -> Iterator[Finding]:
    """Find numbers that another migration has."""
    first: dict[str, str] = {}
    told: set[str] = set()
    for path in (file.path for file in folder.files if file.part):
        stem = path.name.split(".")[0]
        taken = first.setdefault(stem[:4], stem)
        if taken != stem and stem not in told:
            told.add(stem)
            why = f"{taken} has the number {stem[:4]} too: renumber the newer one."
            yield Finding(path, 1, "error", "number", why)


OTHER = {
    "0001_orders_created.up.sql": "CREATE INDEX CONCURRENTLY orders_created ON orders (created);\n",
    "0001_orders_created.down.sql": "DROP INDEX CONCURRENTLY orders_created;\n",
}
RULE = Rule(
    name="number",
    severity="error",
    summary="Each migration has a number of its own.",
    why=__doc__ or "",
    example=Example(
        bad={**INDEX, **OTHER},
        good={**INDEX, **{name.replace("0001", "0002"): text for name, text in OTHER.items()}},
        shown="cannot be used",
    ),
    check=check,
)

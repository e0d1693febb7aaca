"""The runner of index migrations knows two statements, because it can tell of these whether they are done, and
remove what a failure leaves. Other statements belong into files of their own: `tailguard migrate up FILE.sql`
executes them.
"""

from collections.abc import Iterator

from tailguard.migrations.lint.finding import Finding
from tailguard.migrations.lint.linted import Linted
from tailguard.migrations.lint.rule import INDEX, UP, Example, Rule
from tailguard.migrations.lint.rules.builds import named_index, no_function, no_if_not_exists
from tailguard.migrations.text.sql import created_index, dropped_index

ONLY_INDEXES = (
    "The runner takes one CREATE [UNIQUE] INDEX CONCURRENTLY name ON table (...), or DROP INDEX CONCURRENTLY name."
    " Leave all else to the tool that applies your other migrations, in a folder of its own."
)
# They say more exactly what is wrong with a statement.
BETTER = (named_index, no_function, no_if_not_exists)


def check(folder: Linted) -> Iterator[Finding]:
    """Find single statements that are neither a build nor a drop."""
    told = {(one.path, one.line) for module in BETTER for one in module.RULE.check(folder)}
    for path, line, statement in folder.only_statements():
        index = created_index(statement) or dropped_index(statement)
        if index is None and (path, line) not in told:
            why = f"{ONLY_INDEXES} It finds: {statement[:60]}"
            yield Finding(path, line, "error", "shape", why)


RULE = Rule(
    name="shape",
    severity="error",
    summary="An index migration builds or drops one index.",
    why=__doc__ or "",
    example=Example(bad={**INDEX, UP: "ANALYZE orders;\n"}, good=INDEX, shown="cannot be used"),
    check=check,
)

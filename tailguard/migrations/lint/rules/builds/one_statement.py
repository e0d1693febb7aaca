"""Many tools send a whole file in one call. PostgreSQL takes several statements of one call as one transaction,
where CONCURRENTLY cannot run (SQLSTATE 25001). Give each build a migration of its own.
"""

from collections.abc import Iterator

from tailguard.migrations.lint.finding import Finding
from tailguard.migrations.lint.linted import Linted
from tailguard.migrations.lint.rule import INDEX, UP, Example, Rule

FILE = "000007_orders_code.up.sql"


def check(folder: Linted) -> Iterator[Finding]:
    """Find files with a concurrent build and other statements, unless their tool sends each by itself."""
    for sent in folder.sent():
        one_by_one = sent.tool is not None and sent.tool.one_by_one
        if len(sent.statements) > 1 and sent.concurrent and not one_by_one:
            why = (
                f"{len(sent.statements)} statements: sent in one call they are one transaction (SQLSTATE 25001)."
                " Give each a migration of its own."
            )
            yield Finding(sent.path, sent.statements[1][0], "error", "one-statement", why)


RULE = Rule(
    name="one-statement",
    severity="error",
    summary="A concurrent build shares its file with no other statement.",
    why=__doc__ or "",
    example=Example(
        bad={FILE: f"{INDEX[UP]}ANALYZE orders;\n"},
        good={FILE: INDEX[UP]},
        shown="is refused by PostgreSQL",
    ),
    check=check,
)

"""Without CONCURRENTLY, an index is built under a lock that blocks all writes to its table until the build is done,
and dropped under one that blocks reads too. The larger the table, the longer the build.

CONCURRENTLY takes about twice as long and blocks nobody. It cannot run in a transaction, and if it fails it
leaves an INVALID index: `tailguard migrate up` removes that.
"""

from collections.abc import Iterator

from tailguard.migrations.lint.finding import Finding
from tailguard.migrations.lint.linted import CONCURRENTLY, INDEX_WORK, Linted
from tailguard.migrations.lint.rule import ALONE, BUILD, Example, Rule
from tailguard.migrations.text.sql import created_index

WHY = "Without CONCURRENTLY everybody who writes waits for the whole build."


def check(folder: Linted) -> Iterator[Finding]:
    """Find work on indexes that is not concurrent."""
    for sent in folder.sent():
        for line, statement in sent.statements:
            if INDEX_WORK.match(statement) and not CONCURRENTLY.search(statement):
                build = created_index(statement)
                yield Finding(sent.path, line, "error", "concurrently", WHY, build.table if build else "")


RULE = Rule(
    name="concurrently",
    severity="error",
    summary="Indexes are built, dropped and rebuilt CONCURRENTLY.",
    why=__doc__ or "",
    example=Example(
        bad={ALONE: "CREATE INDEX orders_code ON orders (code);\n"},
        good=BUILD,
        shown="stalls",
    ),
    check=check,
)

"""PostgreSQL puts an index into the schema of its table, and takes no other one: a schema before the index's name is
a syntax error. Write the schema before the table.
"""

from collections.abc import Iterator

from tailguard.migrations.lint.finding import Finding
from tailguard.migrations.lint.linted import Linted
from tailguard.migrations.lint.rule import INDEX, UP, Example, Rule
from tailguard.migrations.text.sql import created_index


def check(folder: Linted) -> Iterator[Finding]:
    """Find builds whose index has a schema before its name."""
    for path, line, statement in folder.only_statements():
        built = created_index(statement)
        if built is not None and built.index_schema:
            why = f"An index takes its table's schema: write {built.index} without {built.index_schema}."
            yield Finding(path, line, "error", "bare-name", why)


RULE = Rule(
    name="bare-name",
    severity="error",
    summary="The name of an index that is built has no schema.",
    why=__doc__ or "",
    example=Example(
        bad={
            **INDEX,
            UP: "CREATE INDEX CONCURRENTLY public.orders_code ON orders (code);\n",
        },
        good=INDEX,
        shown="cannot be used",
    ),
    check=check,
)

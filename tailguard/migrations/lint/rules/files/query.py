"""A proof measures the query that an index is for. Each `%(name)s` in it needs an example value in the line `--
parameters:`, and a `%` that is none is doubled: `LIKE 'a%%'`.
"""

from collections.abc import Iterator

from tailguard.base.errors import UsageError
from tailguard.migrations.lint.finding import Finding
from tailguard.migrations.lint.linted import Linted
from tailguard.migrations.lint.rule import INDEX, QUERY, Example, Rule
from tailguard.migrations.text.query import read_query


def check(folder: Linted) -> Iterator[Finding]:
    """Find queries that a proof could not execute."""
    for file in folder.files:
        if file.part == "query" and file.unread is None:
            try:
                read_query(file.path)
            except UsageError as error:
                why = str(error).removeprefix(f"{file.path}: ")
                yield Finding(file.path, 1, "error", "query", why)


RULE = Rule(
    name="query",
    severity="error",
    summary="The query has example values for its parameters.",
    why=__doc__ or "",
    example=Example(
        bad={**INDEX, QUERY: "SELECT id FROM orders WHERE code = %(code)s;\n"},
        good=INDEX,
        shown="cannot be used",
    ),
    check=check,
)

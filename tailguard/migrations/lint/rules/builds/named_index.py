"""PostgreSQL gives an index without a name one of its own choice. Nobody can then check whether it is valid, remove
what a failed build left, or drop it again: a second attempt builds a second index under another name.
"""

from tailguard.migrations.lint.rule import DOWN, INDEX, UP, Example, Rule, matching

RULE = Rule(
    name="named-index",
    severity="error",
    summary="An index that is built concurrently has a name.",
    why=__doc__ or "",
    example=Example(
        bad={**INDEX, UP: "CREATE INDEX CONCURRENTLY ON orders (code);\n",
             DOWN: "DROP INDEX CONCURRENTLY orders_code_idx;\n"},
        good=INDEX,
        shown="cannot be used",
    ),
    check=matching(
        "named-index",
        r"CREATE\s+(UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+ON\b",
        "An index without a name cannot be checked or healed. Name it.",
    ),
)  # fmt: skip

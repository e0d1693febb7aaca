"""A concurrent build that fails leaves an INVALID index: no query uses it, and each write still pays for it. The
next `CREATE INDEX CONCURRENTLY IF NOT EXISTS` finds an index of that name, says "skipping", and the migration
counts as done.

The usual advice to write IF NOT EXISTS is for statements in a transaction. Here `tailguard migrate up` reads
pg_index: it leaves a valid index alone, and removes an INVALID one before it builds.
"""

from tailguard.migrations.lint.rule import ALONE, BUILD, Example, Rule, matching

RULE = Rule(
    name="no-if-not-exists",
    severity="error",
    summary="A concurrent build has no IF NOT EXISTS.",
    why=__doc__ or "",
    example=Example(
        bad={ALONE: "CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_code ON orders (code);\n"},
        good=BUILD,
        shown="leaves an INVALID index",
        setup="-- as a build leaves it that was cancelled\n"
        "CREATE INDEX orders_code ON orders (code);\n"
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'orders_code'::regclass;\n",
    ),
    check=matching(
        "no-if-not-exists",
        r"CREATE\s+(UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+IF\s+NOT\s+EXISTS\b",
        "IF NOT EXISTS takes an INVALID leftover for success. Leave it out: the runner reads pg_index.",
    ),
)

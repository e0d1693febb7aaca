"""The statement scans or rewrites its table under a lock that blocks writers, or readers too, or it changes rows that
others want to write: the larger the table, the longer they wait.

Most kinds of statements have a safe way that does the same in steps, such as NOT VALID and then VALIDATE.
docs/reference/migrations.md has a table of all kinds; `tailguard migrate up FILE.sql` executes the safe way.
"""

from tailguard.migrations.lint.rule import Example, Rule
from tailguard.migrations.lint.rules.locks.held import locking

RULE = Rule(
    name="long-lock",
    severity="warning",
    summary="No statement blocks others for as long as it works.",
    why=__doc__ or "",
    example=Example(
        bad={"amounts.sql": "ALTER TABLE orders ADD CONSTRAINT orders_amount CHECK (amount >= 0);\n"},
        good={
            "amounts.sql": "SET lock_timeout = '100ms';\n"
            "ALTER TABLE orders ADD CONSTRAINT orders_amount CHECK (amount >= 0) NOT VALID;\n"
            "ALTER TABLE orders VALIDATE CONSTRAINT orders_amount;\n"
        },
        shown="stalls",
    ),
    check=locking("long-lock", "a"),
)

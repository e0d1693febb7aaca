"""The statement needs its lock for a moment only. But while it waits behind a long transaction, such as a dump or a
report, everybody who comes later waits behind it.

With a short lock_timeout it gives up before anybody notices; try it again until it gets its lock. `tailguard
migrate up FILE.sql` does so, with pauses between the attempts.
"""

from tailguard.migrations.lint.rule import Example, Rule
from tailguard.migrations.lint.rules.locks.held import locking

RULE = Rule(
    name="lock-queue",
    severity="warning",
    summary="A statement that needs a strong lock for a moment has a lock_timeout.",
    why=__doc__ or "",
    example=Example(
        bad={"priority.sql": "ALTER TABLE orders ADD COLUMN priority int;\n"},
        good={"priority.sql": "SET lock_timeout = '100ms';\nALTER TABLE orders ADD COLUMN priority int;\n"},
        shown="stalls",
    ),
    check=locking(
        "lock-queue",
        "b",
        "While it waits behind a long transaction, all others wait behind it: set lock_timeout and try again. ",
    ),
)

"""A concurrent build waits for transactions that are older than itself, and blocks nobody meanwhile. If lock_timeout
or statement_timeout cancels it, it leaves an INVALID index that each write pays for.

The usual advice to set lock_timeout is for statements that block others while they wait. For a build, use
`--wait` and `--deadline` of `tailguard migrate up`: it waits for old transactions before the build, and clears up
if it has to cancel.
"""

from tailguard.migrations.lint.rule import INDEX, UP, Example, Rule, matching

FILE = "00007_orders_code.sql"
HEAD = "-- +goose NO TRANSACTION\n-- +goose Up\n"

RULE = Rule(
    name="no-timeout",
    severity="error",
    summary="No lock_timeout or statement_timeout is set for a concurrent build.",
    why=__doc__ or "",
    example=Example(
        bad={FILE: f"{HEAD}SET lock_timeout = '100ms';\n{INDEX[UP]}"},
        good={FILE: f"{HEAD}{INDEX[UP]}"},
        shown="leaves an INVALID index",
    ),
    check=matching(
        "no-timeout",
        r"SET\s+((LOCAL|SESSION)\s+)?(lock_timeout|statement_timeout)\b",
        "A timeout during a concurrent build leaves an INVALID index. Use --deadline: the runner cleans up after it.",
        beside_a_build=True,
    ),
)

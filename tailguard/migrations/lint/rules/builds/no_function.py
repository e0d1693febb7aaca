"""CONCURRENTLY commits several times while it works, which a function or a DO block does not allow: PostgreSQL
refuses it (SQLSTATE 25001).
"""

from tailguard.migrations.lint.rule import ALONE, BUILD, INDEX, UP, Example, Rule, matching

RULE = Rule(
    name="no-function",
    severity="error",
    summary="A concurrent build is in no function and no DO block.",
    why=__doc__ or "",
    example=Example(
        bad={ALONE: f"DO $$ BEGIN\n  EXECUTE '{INDEX[UP].strip().rstrip(';')}';\nEND $$;\n"},
        good=BUILD,
        shown="is refused by PostgreSQL",
    ),
    check=matching(
        "no-function",
        r"(DO|CREATE\s+(OR\s+REPLACE\s+)?(FUNCTION|PROCEDURE))\b.*CONCURRENTLY",
        "CONCURRENTLY cannot run in a function or DO block (SQLSTATE 25001). Write the statement alone.",
    ),
)

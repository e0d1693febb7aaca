"""CONCURRENTLY cannot run in a transaction block: PostgreSQL refuses it (SQLSTATE 25001). Tools that open a
transaction themselves have a mark that keeps a file out of it, such as `-- migrate:up transaction:false`
(dbmate), `-- +goose NO TRANSACTION` and `-- no-transaction` (sqlx).
"""

from collections.abc import Iterator

from tailguard.migrations.lint.finding import Finding
from tailguard.migrations.lint.linted import CONCURRENTLY, Linted
from tailguard.migrations.lint.rule import ALONE, BUILD, INDEX, UP, Example, Rule, matching

NAME = "no-transaction"
in_a_block = matching(
    NAME,
    r"(BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK)\b",
    "CONCURRENTLY cannot run in a transaction block (SQLSTATE 25001). Leave it out: one statement per file.",
    beside_a_build=True,
)


def check(folder: Linted) -> Iterator[Finding]:
    """Find transactions that the file opens, and those that its tool opens unless it is told not to."""
    yield from in_a_block(folder)
    for sent in folder.sent():
        concurrent = [line for line, statement in sent.statements if CONCURRENTLY.search(statement)]
        tool = sent.tool
        if concurrent and tool is not None and tool.marker and tool.marker not in sent.text:
            why = (
                f"{tool.name} opens a transaction, where CONCURRENTLY cannot run: say `{tool.marker}` there."
            )
            yield Finding(sent.path, concurrent[0], "error", NAME, why)


RULE = Rule(
    name=NAME,
    severity="error",
    summary="A concurrent build is in no transaction.",
    why=__doc__ or "",
    example=Example(
        bad={ALONE: f"BEGIN;\n{INDEX[UP]}COMMIT;\n"}, good=BUILD, shown="is refused by PostgreSQL"
    ),
    check=check,
)

"""The proof of a SQL file in a terminal and in Markdown: what is wrong, both ways, the safe SQL."""

from msgspec.structs import replace

from tailguard.judge.proof.ddl import ddl_verdicts
from tailguard.record.ddl import SafeStatement, SafeWay
from tailguard.record.run_record import Ended
from tailguard.report.text.ddl_lines import ddl_lines
from tailguard.report.text.markdown import markdown_of
from tailguard.report.views.proof.ddl_view import safe_sql
from tailguard.report.views.view import view_of
from tests.support.blank_record import a_record
from tests.support.made_ddl import ddl_proof, samples

LIVE = samples()
PROOF = ddl_proof(LIVE)
RECORD = replace(
    a_record(), scenarios={}, ended=Ended.COMPLETE, ddl=PROOF, verdicts=ddl_verdicts(PROOF, LIVE)
)


def test_the_lines_hold_what_is_wrong_and_both_ways_but_not_what_is_well():
    lines = list(ddl_lines(RECORD, PROOF))
    text = "\n".join(lines)
    assert "step 1, line 3: FAIL" in lines
    assert "  FAIL         longest wait of readers: 800 ms in a run of 800 ms" in text
    assert "  PASS         locks: blocks reads and writes to orders for a moment, 1 ms here" in lines
    assert "no failed request" not in text
    written, _ = [line.split() for line in lines if line.startswith("  as written ")]
    (safely,) = [line.split() for line in lines if line.startswith("  the safe way ")]
    assert (written[-1], safely[-1]) == ("1", "5")
    assert "Left out: rows of ghosts: permission denied" in lines


def test_a_run_that_the_files_own_timeout_ended_is_told_as_not_done():
    step = PROOF.steps[0]
    ended = replace(step.trials[0], failed="line 3: PostgreSQL refuses it (SQLSTATE 55P03): lock timeout")
    proof = replace(PROOF, steps=(replace(step, trials=(ended,)),))
    assert "    not done: line 3: PostgreSQL refuses it (SQLSTATE 55P03): lock timeout" in list(
        ddl_lines(replace(RECORD, ddl=proof), proof)
    )


def test_the_safe_way_is_sql_that_psql_executes_as_it_stands():
    way = SafeWay(
        statements=(
            SafeStatement(how="release", text="no request names orders.x"),
            SafeStatement(how="retry", text="ALTER TABLE a RENAME TO b; CREATE VIEW a AS SELECT 1"),
            SafeStatement(how="once", text="VACUUM b"),
        ),
        why="",
    )
    assert safe_sql(way, 100).splitlines() == [
        "-- First release the application such that no request names orders.x.",
        "",
        "-- Execute this again until it succeeds: others wait for as long as it may wait for its lock.",
        "SET lock_timeout = '100ms';",
        "BEGIN; ALTER TABLE a RENAME TO b; CREATE VIEW a AS SELECT 1; COMMIT;",
        "",
        "SET lock_timeout = '0';",
        "VACUUM b;",
    ]


def test_markdown_has_each_step_in_a_row_and_escapes_the_file():
    hostile = replace(PROOF, file="<b>.sql")
    text = markdown_of(view_of(replace(RECORD, ddl=hostile)))
    assert "| step 1, line 3 | ALTER TABLE orders ADD COLUMN x int | 800 ms | 1 ms | 0 | 0 |" in text
    assert "<b>" not in text

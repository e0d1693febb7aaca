"""run.md against its golden file: a difference is a design review."""

import copy
from pathlib import Path

import pytest
from made_run import record, samples

from reports.markdown import markdown_of
from reports.view import view_of

GOLDEN = Path(__file__).parent / "golden" / "run.md"


def test_run_md_is_as_it_was_reviewed(table) -> None:
    made = copy.deepcopy(record(table))
    made["verdicts"][3].update(state="FAIL", exceedances=33, why="33 of 585 took longer than 5000 ms")
    made["verdicts"][4].update(state="INCONCLUSIVE", why="too close to the limit")
    made["platform"]["faults"] = ["delay_ms=40"]
    assert markdown_of(view_of(made)) == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "evil", ["a | b", "<img src=x onerror=y>", "[link](javascript:x)", "`code`", "two\nlines"]
)
def test_text_from_a_run_cannot_break_the_table(evil) -> None:
    made = record(samples(50))
    made["verdicts"][0]["objective"] = evil
    lines = markdown_of(view_of(made)).splitlines()
    rows = [line for line in lines if line.startswith("| ✅ PASS | registration")]
    assert {row.replace("\\|", "").count("|") for row in rows} == {9}
    assert not any("<img" in line or "[link]" in line for line in lines)

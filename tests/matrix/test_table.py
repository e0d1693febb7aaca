"""The table of the matrix: what was played stands in it, on which commit, and nothing else."""

from tests.matrix.__main__ import BEGIN, END, PAGE, table, write
from tests.matrix.cells import Cell


def result(phase, part, fault, outcome, commit="a1"):
    name = Cell(phase, part, fault).name
    return {name: {"cell": name, "outcome": outcome, "commit": commit}}


def test_each_fault_has_its_sign_and_what_was_not_made_counts_as_not_run():
    known = (
        result("seed", "S3", "KILL", "survived")
        | result("seed", "S3", "STOP", "lost", commit="b2")
        | result("seed", "S3", "INT", "missed", commit="c3")
    )
    text = table(known)
    assert "| S3 | ✓ ✗ · | · · · | · · · | · · · | · · · | — — — |" in text
    assert text.endswith(
        "2 faults tried, 1 survived, 1 lost; 117 not run (·); 19 have no such process. Played on several commits."
    )


def test_a_whole_that_was_played_on_one_commit_names_it():
    assert table(result("seed", "S3", "KILL", "survived")).endswith("Played on commit a1.")


def test_the_pages_table_is_replaced_and_the_rest_of_the_page_stays(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n\n{END}\nafter\n", encoding="utf-8")
    write(page, "new")
    write(page, "newer")
    assert page.read_text(encoding="utf-8") == f"before\n{BEGIN}\nnewer\n\n{END}\nafter\n"


def test_the_page_on_reliability_has_the_place_for_it():
    text = PAGE.read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1

"""run.md against its golden file: a difference is a design review."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from tailguard.base.state import State
from tailguard.record.migration import MigrationEntry
from tailguard.record.run_record import Platform
from tailguard.record.verdict import ProofVerdict
from tailguard.report.text.markdown import markdown_of
from tailguard.report.views.proof.live_view import NO_CONTROL
from tailguard.report.views.view import view_of
from tests.support.made_chaos import CHAOS, FELT, chaos_record
from tests.support.made_duet import duet_record
from tests.support.made_migration import CHECK
from tests.support.made_proof import NO_STALL, growth_row, live, proof_record, proved, removed
from tests.support.made_run import record, with_verdict
from tests.support.made_samples import samples

X = "\N{MULTIPLICATION SIGN}"
GOLDEN = Path(__file__).parent / "golden" / "run.md"


@pytest.mark.system
def test_run_md_is_as_it_was_reviewed(table) -> None:
    made = with_verdict(
        record(table), 3, state=State.FAIL, exceedances=33, why="33 of 585 took longer than 5000 ms"
    )
    made = with_verdict(made, 4, state=State.INCONCLUSIVE, why="too close to the limit")
    made = replace(made, platform=Platform(adapter="in-process", faults=("delay_ms=40",)))
    assert markdown_of(view_of(made)) == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.system
@pytest.mark.parametrize(
    "evil", ["a | b", "<img src=x onerror=y>", "[link](javascript:x)", "`code`", "two\nlines"]
)
def test_text_from_a_run_cannot_break_the_table(evil) -> None:
    made = with_verdict(record(samples(50)), 0, name=evil)
    lines = markdown_of(view_of(made)).splitlines()
    rows = [line for line in lines if line.startswith("| ✅ PASS | registration")]
    assert {row.replace("\\|", "").count("|") for row in rows} == {9}
    assert not any("<img" in line or "[link]" in line for line in lines)


def proof_markdown(entry: MigrationEntry, *verdicts: ProofVerdict) -> str:
    return markdown_of(view_of(proof_record(record(samples(50)), entry, *verdicts)))


def test_a_proof_says_what_was_met_gained_and_paid_and_how_that_grows() -> None:
    text = proof_markdown(replace(proved(), growth=(growth_row(),)))
    assert "No objective was judged" not in text
    assert "| ✅ PASS | longest wait of writers | 40 ms | below |" in text
    assert f"| One insert, p50 | 40 µs | 50 µs | 1.25{X} (1.2{X} to 1.3{X}) |" in text
    assert "Each query saves 10 ms of the server" in text
    assert f"| 90,000 | 10 ms → 100 µs | 100{X} | not measured | 100 → 5 | 1 KiB | 500 ms |" in text
    assert "needs 18" in text


def test_a_proof_without_a_control_says_so_in_run_md_too() -> None:
    assert NO_CONTROL in proof_markdown(proved(control=None))


def test_a_removal_says_what_each_write_saves() -> None:
    text = proof_markdown(removed(), CHECK)
    assert "**0001**: The removal saves 2.81 MiB of disk" in text
    assert "| cost of each write | without | with the index | change |" in text
    assert "Build under load" not in text


def test_a_removal_under_load_has_its_answers_and_its_savings_once() -> None:
    text = proof_markdown(removed(live()))
    assert "| ✅ PASS | longest wait of writers | 40 ms | below |" in text
    assert "2 drops, each behind a reader" in text
    assert text.count("| One insert, p50 |") == 1


def test_a_chaos_run_has_a_row_for_each_fault_that_was_felt_and_names_the_others() -> None:
    calm = replace(FELT, label="S3 down", errors=0, retried=0)
    made = chaos_record(record(samples(50)), replace(CHAOS, recoveries=(FELT, calm)))
    text = markdown_of(view_of(made))
    assert "| S3 killed | 0 ms | 2 s | certificate_migration | 42 | 3 | 2 | 1.5 s |" in text
    assert "| S3 down" not in text
    assert "No call failed or was retried during: S3 down." in text


def test_a_duet_has_signed_changes_bounds_and_slower_pairs_and_no_headroom() -> None:
    text = markdown_of(view_of(duet_record(record(samples(60)))))
    row = "| ❌ FAIL | registration | p50 of register | 1.5 ms → 1.7 ms | +12.3 % | +5 % to +20 % | < +5 % | 18 of 20 |"
    assert row in text
    assert "headroom" not in text
    assert "How good this gate was: false alarms 0/200;" in text


def test_every_table_has_as_many_cells_in_each_row_as_in_its_head() -> None:
    evil = replace(NO_STALL, observed="a | b\nc")
    text = proof_markdown(replace(proved(), growth=(growth_row(),)), replace(CHECK, observed="a | b"), evil)
    widths: list[set[int]] = [set()]
    for line in text.splitlines():
        if line.startswith("|"):
            widths[-1].add(line.replace("\\|", "").count("|"))
        else:
            widths.append(set())
    found = [width for width in widths if width]
    assert len(found) == 4
    assert {len(width) for width in found} == {1}

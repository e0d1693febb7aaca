"""The first screen of every kind of run: is the change safe, what was compared, what of that is doubtful?"""

import pandas as pd
import pytest
from msgspec.structs import replace

from tailguard.base.state import State
from tailguard.record.run_record import RunRecord
from tailguard.report.text.markdown import markdown_of
from tailguard.report.views.overall import overall_of
from tailguard.report.views.proof.migration_view import questions_of
from tailguard.report.views.proof.sentences import saving
from tailguard.report.views.view import view_of
from tests.support.made_chaos import chaos_record
from tests.support.made_duet import CHANGES, duet_record
from tests.support.made_migration import CHECK
from tests.support.made_proof import NO_STALL, live, proof_record, proved, removed
from tests.support.made_run import record


@pytest.fixture
def made(table: pd.DataFrame) -> RunRecord:
    return record(table)


def test_a_run_names_its_scenarios_objectives_and_doubts(made) -> None:
    overall = overall_of(made)
    assert overall.sentence == "All 14 objectives are met, and 1 migration is proven."
    assert overall.compared == (
        "Measured: 5 scenarios against 14 objectives; migration 0001 on 90,000 rows, its query before and after."
    )
    assert overall.doubtful == "Doubtful: 1 warning (late generator)."


def test_a_duet_names_what_became_worse_and_both_sides(made) -> None:
    overall = overall_of(duet_record(made))
    assert overall.sentence == "Worse than the baseline: registration p50 of register (+12.3 %)."
    assert overall.compared == (
        "Compared: candidate (<b>work tree</b>) against the baseline (main at 1234567890), 20 pairs of fresh processes."
    )


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (State.PASS, "No worse than the baseline: all 3 comparisons are within the margin."),
        (
            State.INCONCLUSIVE,
            "Undecided whether worse than the baseline: registration p50 of register (+12.3 %).",
        ),
    ],
)
def test_a_duet_that_found_nothing_says_whether_it_could_have(made, state, sentence) -> None:
    p95, p50, errors = CHANGES
    found = duet_record(made, p95, replace(p50, state=state), errors)
    assert overall_of(found).sentence == sentence


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (State.PASS, "Migration 0001 is proven."),
        (State.FAIL, "Not safe: migration 0001 (longest wait of writers)."),
        (State.INCONCLUSIVE, "Undecided whether safe: migration 0001 (longest wait of writers)."),
    ],
)
def test_a_proof_says_whether_the_migration_is_safe_and_what_says_so(made, state, sentence) -> None:
    overall = overall_of(proof_record(made, proved(), CHECK, replace(NO_STALL, state=state)))
    assert (overall.state, overall.sentence) == (state, sentence)
    assert (
        "2 builds under load, compared with a window without one and a plain CREATE INDEX" in overall.compared
    )
    assert overall.doubtful == "No doubt was recorded about the measurement."


def test_a_proof_that_cannot_be_trusted_does_not_miss_objectives(made) -> None:
    found = proof_record(made, proved(), CHECK, replace(NO_STALL, state=State.INVALID))
    assert overall_of(found).detail == "migration 0001 INVALID (longest wait of writers)"


def test_a_proof_without_a_control_says_so_where_it_says_what_was_compared(made) -> None:
    assert "and no control." in overall_of(proof_record(made, proved(control=None))).compared


def test_a_removal_under_load_is_told_as_drops(made) -> None:
    compared = overall_of(proof_record(made, removed(live()))).compared
    assert "2 drops under load, compared with a window without one and a plain DROP INDEX." in compared


def test_a_chaos_run_says_that_its_faults_were_borne_and_how_long_the_longest_took(made) -> None:
    overall = overall_of(chaos_record(made))
    assert overall.sentence == "All 14 objectives are met under 3 faults, and every invariant held."
    assert "5 scenarios under 3 faults injected on purpose" in overall.compared
    assert "recovered after 1.5 s at most (limit: 5 s)" in overall.compared


def test_a_long_list_of_breaches_is_cut_and_counted(made) -> None:
    breached = tuple(replace(verdict, state=State.FAIL) for verdict in made.verdicts[:-1])
    made = replace(made, verdicts=(*breached, CHECK))
    assert overall_of(made).sentence.endswith("websocket_broadcast p95 < 5000ms, and 10 more.")


def test_each_question_of_a_proof_has_a_card_the_worst_first(made) -> None:
    worse = replace(NO_STALL, name="p99 of readers", state=State.FAIL, expected="few", observed="many")
    found = proof_record(made, proved(), CHECK, NO_STALL, worse)
    assert [card.name for card in questions_of(found)] == ["p99 of readers", "longest wait of writers"]


def test_what_failed_before_the_load_is_not_hidden_behind_a_load_that_stalled_nobody(made) -> None:
    failed = replace(CHECK, state=State.FAIL, observed="Seq Scan", exceedances=1)
    found = proof_record(made, proved(), failed, NO_STALL)
    first, second = questions_of(found)
    assert (first.state, first.name, first.observed) == ("FAIL", "Index Scan on the new index", "Seq Scan")
    assert second.state == "PASS"
    assert overall_of(found).sentence == "Not safe: migration 0001 (Index Scan on the new index)."
    assert "| ❌ FAIL | Index Scan on the new index | Seq Scan |" in markdown_of(view_of(found))


def test_a_removal_has_one_card_and_beside_objectives_none(made) -> None:
    (card,) = questions_of(proof_record(made, removed(), CHECK))
    said = saving(removed(), removed().cost)
    assert (card.state, card.migration, card.observed) == ("PASS", "0001", said)
    assert questions_of(made) == ()

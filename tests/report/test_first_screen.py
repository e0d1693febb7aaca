"""The first screen of every kind of run: is the change safe, what was compared, where is that doubtful?"""

import copy
from typing import Any

import pandas as pd
import pytest

from tailguard.report.text.markdown import markdown_of
from tailguard.report.views.overall import overall_of
from tailguard.report.views.proof.proof_verdicts import proof_verdicts_of
from tailguard.report.views.view import view_of
from tests.support.made_chaos import RECORD as CHAOS
from tests.support.made_duet import duet_record
from tests.support.made_proof import proved, removed
from tests.support.made_run import record


@pytest.fixture
def made(table: pd.DataFrame) -> dict[str, Any]:
    return copy.deepcopy(record(table))


def proof_record(made: dict[str, Any], *migrations: dict[str, Any]) -> dict[str, Any]:
    return made | {"scenarios": {}, "verdicts": [], "doubts": [], "migrations": list(migrations)}


def test_a_run_names_its_scenarios_objectives_and_doubts(made) -> None:
    overall = overall_of(made)
    assert overall.sentence == "All 14 objectives are met, and 1 migration is proved."
    assert overall.compared == (
        "Compared: 5 scenarios against 14 objectives; migration 0001 on 90,000 rows, its query before and after."
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
        ("PASS", "No worse than the baseline: all 3 comparisons are within the margin."),
        (
            "INCONCLUSIVE",
            "Undecided whether worse than the baseline: registration p50 of register (+12.3 %).",
        ),
    ],
)
def test_a_duet_that_found_nothing_says_whether_it_could_have(made, state, sentence) -> None:
    found = duet_record(made)
    found["verdicts"][1]["state"] = state
    assert overall_of(found).sentence == sentence


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("PASS", "Migration 0001 is proved."),
        ("FAIL", "Not safe: migration 0001 (no stall of writers)."),
        ("INCONCLUSIVE", "Undecided whether safe: migration 0001 (no stall of writers)."),
    ],
)
def test_a_proof_says_whether_the_migration_is_safe_and_what_says_so(made, state, sentence) -> None:
    found = proved() | {"state": state}
    found["live"]["verdicts"][0]["state"] = state
    overall = overall_of(proof_record(made, found))
    assert (overall.state, overall.sentence) == (state, sentence)
    assert "2 builds under load beside a window without one and a plain CREATE INDEX" in overall.compared
    assert overall.doubtful == "No doubt was recorded about the measurement."


def test_a_proof_that_cannot_be_trusted_does_not_miss_objectives(made) -> None:
    found = proved() | {"state": "INVALID"}
    found["live"]["verdicts"][0]["state"] = "INVALID"
    assert overall_of(proof_record(made, found)).detail == "migration 0001 INVALID (no stall of writers)"


def test_a_proof_without_a_control_says_so_where_it_says_what_was_compared(made) -> None:
    found = proved()
    found["live"]["control"] = None
    assert "and no control." in overall_of(proof_record(made, found)).compared


def test_a_removal_under_load_is_told_as_drops(made) -> None:
    found = proved() | {"removal": removed()["removal"]}
    found["live"]["statement"] = "DROP INDEX"
    compared = overall_of(proof_record(made, found)).compared
    assert "2 drops under load beside a window without one and a plain DROP INDEX." in compared


def test_a_chaos_run_says_that_its_faults_were_borne_and_how_long_the_longest_took(made) -> None:
    overall = overall_of(made | {"chaos": CHAOS["chaos"], "migrations": []})
    assert overall.sentence == "All 14 objectives are met under 3 faults, and every invariant held."
    assert "5 scenarios under 3 faults made on purpose" in overall.compared
    assert "well again after 1.5 s at the latest (limit: 5 s)" in overall.compared


def test_a_long_list_of_breaches_is_cut_and_counted(made) -> None:
    for verdict in made["verdicts"]:
        verdict["state"] = "FAIL"
    assert overall_of(made).sentence.endswith("websocket_broadcast p95 < 5000ms, and 10 more.")


def test_each_question_of_a_proof_has_a_card_the_worst_first(made) -> None:
    found = proved()
    found["live"]["verdicts"].append(
        {"name": "p99 of readers", "state": "FAIL", "expected": "few", "observed": "many"}
    )
    assert [card.name for card in proof_verdicts_of(proof_record(made, found))] == [
        "p99 of readers",
        "no stall of writers",
    ]


def test_what_failed_before_the_load_is_not_hidden_behind_a_load_that_stalled_nobody(made) -> None:
    found = proved() | {"state": "FAIL"}
    found["checks"] = [found["checks"][0] | {"held": False, "observed": "Seq Scan"}]
    first, second = proof_verdicts_of(proof_record(made, found))
    assert (first.state, first.name, first.observed) == ("FAIL", "Index Scan on the new index", "Seq Scan")
    assert second.state == "PASS"
    assert overall_of(proof_record(made, found)).sentence == (
        "Not safe: migration 0001 (Index Scan on the new index)."
    )
    assert "| ❌ FAIL | Index Scan on the new index | Seq Scan |" in markdown_of(
        view_of(proof_record(made, found))
    )


def test_a_removal_has_one_card_and_beside_objectives_none(made) -> None:
    (card,) = proof_verdicts_of(proof_record(made, removed()))
    assert (card.state, card.migration, card.observed) == ("PASS", "0001", removed()["why"])
    assert proof_verdicts_of(made) == ()

"""What is chosen from run.json, and in which words it is said."""

import copy
from typing import Any

import pandas as pd
import pytest

from tailguard.report.views.view import ReportView, view_of
from tests.support.made_run import record


@pytest.fixture
def made(table: pd.DataFrame) -> dict[str, Any]:
    return copy.deepcopy(record(table))


def test_a_run_whose_verdicts_all_pass_says_so_in_one_sentence(made) -> None:
    overall = view_of(made).overall
    assert (overall.state, overall.detail) == ("PASS", "")
    assert overall.sentence == "All 14 objectives are met, and 1 migration is proved."


def test_the_worst_verdicts_stand_first_and_are_named(made) -> None:
    made["verdicts"][5]["state"] = "INCONCLUSIVE"
    made["verdicts"][3]["state"] = "FAIL"
    view = view_of(made)
    assert [card.state for card in view.cards[:3]] == ["FAIL", "INCONCLUSIVE", "PASS"]
    assert view.overall.sentence == "Breached: websocket_broadcast p95 < 5000ms."
    assert view.overall.detail == "1 breached, 1 undecided, 12 met"


def test_a_failed_migration_fails_the_sentence_too(made) -> None:
    made["migrations"][0]["state"] = "FAIL"
    assert view_of(made).overall.sentence == "Breached: migration 0001."


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda r: r.update(complete=False, incomplete_because="the disk is full"), "the disk is full"),
        (lambda r: r.update(verdicts=[], migrations=[]), "no objective was judged"),
        (lambda r: r["verdicts"][0].update(state="INVALID"), "1 of 14 verdicts INVALID"),
        (
            lambda r: r["scenarios"]["registration"]["invariants"][0].update(held=False),
            "registration: no tournament over capacity",
        ),
    ],
    ids=["incomplete", "not judged", "an invalid verdict", "a broken invariant"],
)
def test_a_run_that_cannot_be_trusted_says_why(made, spoil, reason) -> None:
    spoil(made)
    overall = view_of(made).overall
    assert overall.state == "INVALID"
    assert reason in overall.detail


def test_an_incomplete_run_and_faults_are_said_on_top(made) -> None:
    made.update(complete=False, incomplete_because="interrupted")
    made["platform"]["faults"] = ["lost_state_guard"]
    (incomplete, cause), (faults, which) = view_of(made).warnings
    assert (incomplete, faults) == ("Incomplete run", "Faults switched on")
    assert "interrupted" in cause
    assert "lost_state_guard" in which


def test_an_objective_without_samples_shows_no_number(made) -> None:
    made["verdicts"][0].update(state="INVALID", observed=None, headroom=None, n=0, exceedances=0)
    card = view_of(made).cards[0]
    assert (card.observed, card.interval, card.headroom) == ("not measured", "", "not measured")
    assert card.gauge is None


def test_a_bound_that_does_not_exist_is_said(made) -> None:
    made["verdicts"][0]["observed"].update(low=2.0, high=None)
    assert view_of(made).cards[0].interval == "≥ 2 ms, no upper bound"


def test_a_decision_taken_before_the_last_sample_shows_both_numbers(made) -> None:
    made["verdicts"][0].update(n=115, exceedances=0)
    card = view_of(made).cards[0]
    seen = made["scenarios"]["registration"]["steps"]["register"]["counts"]["ok"]
    assert (card.n, card.observed_n) == ("115", str(seen))
    assert (
        f"Counted at 115 samples, the last look of the rule; {seen} were observed in all." in card.rule_detail
    )


def test_the_gauge_leaves_a_missing_bound_open(made) -> None:
    made["verdicts"][0]["observed"].update(value=2.0, low=None, high=None)
    gauge = view_of(made).cards[0].gauge
    assert (gauge.low, gauge.high) == (0, 100)


def test_a_quantile_with_too_little_tail_has_no_value_and_says_so(made) -> None:
    absent = {"q": 0.99, "value": None, "low": None, "high": None, "level": 0.99, "n": 40}
    made["scenarios"]["registration"]["steps"]["register"]["response_ms"]["p99"] = absent
    row = view_of(made).scenarios[0].steps[0].quantiles[2]
    assert (row.response, row.response_interval) == ("not measured", "too few samples (n = 40)")


def test_the_plan_nodes_that_went_and_came_are_marked(made) -> None:
    (_, before), (_, after) = view_of(made).migrations[0].plans
    assert [(line.title.split(" on ")[0], line.changed) for line in before.lines] == [
        ("Limit", False),
        ("Sort", True),
        ("Seq Scan", True),
    ]
    assert [line.changed for line in after.lines] == [False, True]


def test_a_migration_that_was_not_measured_shows_absence(made) -> None:
    made["migrations"][0].update(before={}, after={}, build_s=None, index_bytes=None, cycle=[])
    migration = view_of(made).migrations[0]
    assert {row.before for row in migration.rows} == {"not measured"}
    assert {row.change for row in migration.rows} == {""}
    assert migration.plans[0][1].lines == ()


def test_a_secret_that_reached_the_record_does_not_reach_the_view(made) -> None:
    made["command"] = ["tailguard", "run", "--dsn", "postgresql://me:hunter2pw@db/prod"]
    assert "hunter2pw" not in view_of(made).identity.command


def test_an_empty_run_has_a_view(made) -> None:
    made.update(scenarios={}, verdicts=[], migrations=[], doubts=[], environment={}, config={})
    view = view_of(made)
    assert isinstance(view, ReportView)
    assert view.overall.state == "INVALID"

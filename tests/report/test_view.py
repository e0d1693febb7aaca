"""What is chosen from run.json, and in which words it is said."""

import pandas as pd
import pytest
from msgspec.structs import replace

from tailguard.base.state import State
from tailguard.record.part import Document, Quantile
from tailguard.record.run_record import Ended, Platform, RunRecord
from tailguard.report.charts.rendered_charts import charts_of
from tailguard.report.page import page_of
from tailguard.report.views import numbers
from tailguard.report.views.proof.migration_view import plans_of, rows_of
from tailguard.report.views.scenario_view import slowest_of
from tailguard.report.views.view import ReportView, view_of
from tests.support.made_run import record, with_scenario, with_verdict


@pytest.fixture
def made(table: pd.DataFrame) -> RunRecord:
    return record(table)


def broken_off(made: RunRecord, because: str) -> RunRecord:
    return replace(made, ended=Ended.BROKE_OFF, because=because)


def with_broken_invariant(made: RunRecord) -> RunRecord:
    broken = replace(made.scenarios["registration"].invariants[0], held=False)
    return with_scenario(made, "registration", invariants=(broken,))


def test_a_run_whose_verdicts_all_pass_says_so_in_one_sentence(made) -> None:
    overall = view_of(made).overall
    assert overall.state == "PASS"
    assert overall.sentence == "All 14 objectives are met, and 1 migration is proven."


def test_limits_that_would_notice_only_a_large_change_are_told_with_what_proposes_nearer_ones(made) -> None:
    nearest = min(each.headroom for each in made.verdicts[:-1] if each.objective.metric == "latency")
    told = view_of(made).overall.detail
    assert f"only a {nearest:.2g}-fold change: `tailguard slo suggest 3f9c1a`" in told
    close = replace(made.verdicts[0].observed, value=200.0)
    assert view_of(with_verdict(made, 0, observed=close)).overall.detail == ""
    assert "slo suggest" not in view_of(with_verdict(made, 1, state=State.FAIL)).overall.detail


def test_the_worst_verdicts_stand_first_and_are_named(made) -> None:
    view = view_of(with_verdict(with_verdict(made, 5, state=State.INCONCLUSIVE), 3, state=State.FAIL))
    assert [card.verdict.state for card in view.cards[:3]] == ["FAIL", "INCONCLUSIVE", "PASS"]
    assert view.overall.sentence == "Breached: websocket_broadcast p95 < 5000ms."
    assert view.overall.detail == "1 breached, 1 undecided, 12 met"


def test_a_failed_migration_fails_the_sentence_too(made) -> None:
    assert view_of(with_verdict(made, -1, state=State.FAIL)).overall.sentence == "Breached: migration 0001."


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda made: broken_off(made, "the disk is full"), "the disk is full"),
        (lambda made: replace(made, verdicts=(), migrations=()), "no objective was judged"),
        (lambda made: with_verdict(made, 0, state=State.INVALID), "1 of 14 verdicts INVALID"),
        (with_broken_invariant, "registration: no tournament over capacity"),
    ],
    ids=["incomplete", "not judged", "an invalid verdict", "a broken invariant"],
)
def test_a_run_that_cannot_be_trusted_says_why(made, spoil, reason) -> None:
    overall = view_of(spoil(made)).overall
    assert overall.state == "INVALID"
    assert reason in overall.detail


def test_an_incomplete_run_and_faults_are_said_on_top(made) -> None:
    made = replace(made, ended=Ended.INTERRUPTED)
    made = replace(made, platform=Platform(adapter="in-process", faults=("lost_state_guard",)))
    (incomplete, cause), (faults, which) = view_of(made).warnings
    assert (incomplete, faults) == ("Incomplete run", "Faults switched on")
    assert "interrupted" in cause
    assert "lost_state_guard" in which


def test_an_objective_without_samples_shows_no_number(made) -> None:
    made = with_verdict(made, 0, state=State.INVALID, observed=None, n=0, exceedances=0)
    card = view_of(made).cards[0]
    assert (card.observed, card.interval, card.headroom) == ("not measured", "", "not measured")
    assert card.gauge is None


def test_a_bound_that_does_not_exist_is_said(made) -> None:
    observed = replace(made.verdicts[0].observed, low=2.0, high=None)
    assert view_of(with_verdict(made, 0, observed=observed)).cards[0].interval == "≥ 2 ms, no upper bound"


def test_a_decision_taken_before_the_last_sample_shows_both_numbers(made) -> None:
    card = view_of(with_verdict(made, 0, n=115, exceedances=0)).cards[0]
    seen = made.scenarios["registration"].steps["register"].counts.ok
    assert (card.counted, card.observed_n) == ("0 of 115", str(seen))
    assert (
        f"Counted at 115 samples, the last look of the rule; {seen} were observed in all." in card.rule_detail
    )


def test_the_gauge_leaves_a_missing_bound_open(made) -> None:
    observed = replace(made.verdicts[0].observed, value=2.0, low=None, high=None)
    gauge = view_of(with_verdict(made, 0, observed=observed)).cards[0].gauge
    assert (gauge.low, gauge.high) == (0, 100)


def test_a_quantile_with_too_little_tail_has_no_value_and_says_so() -> None:
    absent = Quantile(q=0.99, value=None, low=None, high=None, level=0.99, n=40)
    assert (numbers.ms(absent.value), numbers.interval(absent)) == (
        "not measured",
        "too few samples (n = 40)",
    )


def test_the_plan_nodes_that_went_and_came_are_marked(made) -> None:
    entry = made.migrations[0]
    (_, before, _), (_, after, _) = plans_of(entry.before, entry.after)
    assert [(line.title.split(" on ")[0], line.changed) for line in before] == [
        ("Limit", False),
        ("Sort", True),
        ("Seq Scan", True),
    ]
    assert [line.changed for line in after] == [False, True]


def test_a_migration_that_was_not_measured_shows_absence(made) -> None:
    nothing = {"before": None, "after": None, "build_s": None, "index_bytes": None, "cycle": ()}
    made = replace(made, migrations=(replace(made.migrations[0], **nothing),))
    rows = list(rows_of(made.migrations[0]))
    assert {row.before for row in rows} == {"not measured"}
    assert {row.change for row in rows} == {""}
    assert "No plan was recorded." in page_of(view_of(made), charts_of(made, {}))


def test_a_secret_that_reached_the_record_does_not_reach_the_view(made) -> None:
    made = replace(made, command=("tailguard", "run", "--dsn", "postgresql://me:hunter2pw@db/prod"))
    assert "hunter2pw" not in view_of(made).command


def test_an_empty_run_has_a_view(made) -> None:
    view = view_of(
        replace(
            made, scenarios={}, verdicts=(), migrations=(), doubts=(), config=Document({}), objectives=None
        )
    )
    assert isinstance(view, ReportView)
    assert view.overall.state == "INVALID"


def test_each_of_the_slowest_iterations_has_the_command_that_plays_it_again(made) -> None:
    slow = replace(made.scenarios["registration"].slowest[0], number=412)
    many = with_scenario(made, "registration", slowest=(slow,))
    command = f"tailguard reproduce {made.id} --iteration 412"
    assert [*slowest_of(many, "registration")] == [(slow, f"{command} --scenario registration")]
    alone = replace(many, scenarios={"sort[size=10]": many.scenarios["registration"]})
    assert [words for _, words in slowest_of(alone, "sort[size=10]")] == [command]
    both = replace(many, scenarios={**alone.scenarios, **made.scenarios})
    assert [words for _, words in slowest_of(both, "sort[size=10]")] == [
        f"{command} --scenario 'sort[size=10]'"
    ]
    by_pytest = replace(many, command=("pytest", "-m", "performance"))
    assert [*slowest_of(by_pytest, "registration")] == [(slow, "")]

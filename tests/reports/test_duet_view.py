"""A duet in the report: every metric, the worst first, and nothing of it in a run that is none."""

from typing import Any

from made_run import record, samples

from reports.duet_view import duet_of
from reports.gallery import gallery_of
from reports.page import page_of
from reports.view import view_of


def change(objective: str, state: str, **other: Any) -> dict[str, Any]:
    return {
        "objective": f"{objective} against the baseline",
        "state": state,
        "q": 0.5,
        "max_ratio": 0.05,
        "n": 20,
        "exceedances": 18,
        "observed": {"value": 0.1234, "low": 0.05, "high": 0.2, "level": 0.99},
        "baseline": 1.5,
        "candidate": 1.7,
        "gated": True,
        "why": "20 pairs: slower",
    } | other


def duet() -> dict[str, Any]:
    return {
        "sides": {"baseline": {"label": "main at 1234567890"}, "candidate": {"label": "<b>work tree</b>"}},
        "budget": {"pairs": 40, "minutes": 30.0},
        "looks": [10, 20, 40],
        "pairs": 20,
        "comparisons": [
            change("registration p95 of register", "PASS"),
            change("registration p50 of register", "FAIL"),
            change("registration error rate", "PASS", q=None, baseline=0.0, candidate=0.001),
        ],
        "time": {"wall_s": 100.0, "measuring_s": 80.0, "starts_s": 10.0, "seeding_s": 6.0, "checks_s": 4.0},
        "sides_saw": {"baseline": {"faults": []}, "candidate": {"faults": ["delay_pct=10"]}},
        "discarded": ["block 3: candidate: it ended\npostgresql://u:hush@h/d"],
        "quality": {"sentence": "false alarms 0/200"},
    }


def test_a_run_that_is_no_duet_has_no_such_part() -> None:
    made = record(samples(60))
    assert duet_of(made) is None
    assert "Baseline against candidate" not in page_of(view_of(made), gallery_of(made, {}, "none"))


def test_the_worst_metric_comes_first_with_both_values_and_the_interval() -> None:
    view = duet_of({"duet": duet()})
    assert view is not None
    first = view.rows[0]
    assert (first.state, first.metric) == ("FAIL", "registration p50 of register")
    assert (first.baseline, first.candidate, first.change) == ("1.5 ms", "1.7 ms", "+12.3%")
    assert (first.interval, first.margin, first.slower) == ("+5.0% to +20.0%", "5 %", "18 of 20")
    assert next(row for row in view.rows if "error" in row.metric).candidate == "0.1 %"


def test_the_page_shows_it_escaped_masked_and_with_what_the_gate_is_worth() -> None:
    made = record(samples(60)) | {"duet": duet()}
    page = page_of(view_of(made), gallery_of(made, {}, "none"))
    assert "Baseline against candidate" in page
    assert "&lt;b&gt;work tree" in page
    assert "false alarms 0/200" in page
    assert "delay_pct=10" in page
    assert "10 % in starting processes" in page
    assert "hush" not in page


def test_a_duet_that_broke_off_before_its_first_pair_can_be_shown() -> None:
    view = duet_of({"duet": {"discarded": ["block 1: baseline: it ended"]}})
    assert view is not None
    assert view.rows == ()

"""Where the time went, as a reader sees it."""

from typing import Any

import pandas as pd
import pytest

from tailguard.report.charts.rendered_charts import gallery_of
from tailguard.report.page import page_of
from tailguard.report.views.statements_view import times_of
from tailguard.report.views.view import view_of
from tests.support.made_run import record

EVIL = "<img src=x onerror=alert(2)>"


def counts(calls: int, exec_ms: float) -> dict[str, Any]:
    return {"calls": calls, "rows": 2 * calls, "exec_ms": exec_ms, "hit_blocks": 30, "read_blocks": 4}


def found(**changes: Any) -> dict[str, Any]:
    measured = {
        "state": "measured",
        "why": "",
        "samples": 400,
        "service_ms": 2000.0,
        "server_ms": 500.0,
        "remainder_ms": 1500.0,
        "statements": [{"text": "SELECT *\n  FROM t"} | counts(100, 400.0)],
        "others": counts(50, 100.0),
    }
    return measured | changes


def of(database: dict[str, Any]) -> Any:
    (time,) = times_of({"registration": {"title": "Registration", "database": database}})
    return time


def test_server_and_client_stand_apart_and_add_up() -> None:
    time = of(found())
    assert (time.server, time.server_share, time.remainder) == ("500 ms", "25 %", "1.5 s (75 %)")
    assert time.basis == "400 timed steps, 2 s of service time in all"
    assert time.server_width == 25.0


def test_a_statement_is_told_by_share_calls_rows_and_blocks() -> None:
    first, rest = of(found()).statements
    assert (first.text, first.share, first.time, first.each) == ("SELECT * FROM t", "80 %", "400 ms", "4 ms")
    assert (first.calls, first.rows, first.blocks) == ("100", "200", "34")
    assert (rest.text, rest.share) == ("all other statements", "20 %")


def test_more_server_than_client_time_is_said_and_no_share_invented() -> None:
    time = of(found(remainder_ms=None))
    assert "none to tell" in time.remainder
    assert time.server_share == ""


@pytest.mark.parametrize("state", ["absent", "rejected"])
def test_what_was_not_counted_says_why(state: str) -> None:
    time = of({"state": state, "why": "entries were evicted"})
    assert time.absent == f"{state}: entries were evicted"
    assert time.statements == ()


def test_a_run_that_did_not_ask_has_no_section(table: pd.DataFrame) -> None:
    made = record(table)
    assert "Where the time went" not in page_of(view_of(made), gallery_of(made, {}))


def test_the_page_shows_it_and_takes_no_statement_for_markup(table: pd.DataFrame) -> None:
    made = record(table)
    made["scenarios"]["registration"]["database"] = found(statements=[{"text": EVIL} | counts(1, 1.0)])
    page = page_of(view_of(made), gallery_of(made, {}))
    assert "Where the time went" in page
    assert "1.5 s (75 %)" in page
    assert EVIL not in page

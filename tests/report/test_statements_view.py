"""Where the time went, as a reader sees it."""

import re

import pandas as pd
import pytest
from msgspec.structs import replace

from tailguard.record.scenario import DatabaseTime, ServerTimeAbsent, ServerTimeRejected, Statement
from tailguard.report.charts.rendered_charts import charts_of
from tailguard.report.page import page_of
from tailguard.report.views import statements_view
from tailguard.report.views.view import view_of
from tests.support.made_kinds import server_time
from tests.support.made_run import record, with_scenario

pytestmark = pytest.mark.system

EVIL = "<img src=x onerror=alert(2)>"


@pytest.fixture
def page_with(table: pd.DataFrame):
    """The part of the page that says where the time went."""

    def part(time: DatabaseTime) -> str:
        made = with_scenario(record(table), "registration", database=time)
        page = page_of(view_of(made), charts_of(made, {}))
        return page[page.index('<section id="time"') : page.index('<section id="migrations"')]

    return part


def cells(row: str) -> list[str]:
    return re.findall(r"<td[^>]*>([^<]*)</td>", row)


def test_server_and_client_stand_apart_and_add_up(page_with) -> None:
    page = page_with(server_time())
    assert "<dt>Statements on the server</dt><dd>500 ms (25 %)</dd>" in page
    assert "<dt>Client + application</dt><dd>1.5 s (75 %)</dd>" in page
    assert "400 timed steps, 2 s of service time in all" in page
    assert '<rect class="value" x="0" y="1" width="25.0"' in page


def test_a_statement_is_told_by_share_calls_rows_and_blocks(page_with) -> None:
    first, rest = re.findall(r"<tr><th scope=.row.>.*?</tr>", page_with(server_time()))
    assert "SELECT * FROM t" in first
    assert cells(first) == ["80 %", "400 ms", "4 ms", "100", "200", "34"]
    assert "all other statements" in rest
    assert cells(rest)[0] == "20 %"


def test_more_server_than_client_time_is_said_and_no_share_invented(page_with) -> None:
    time = replace(server_time(), remainder_ms=None)
    assert "none to tell" in statements_view.remainder_of(time)
    assert statements_view.share_of(time) is None
    assert "<dt>Statements on the server</dt><dd>500 ms</dd>" in page_with(time)


@pytest.mark.parametrize(
    "time", [ServerTimeAbsent(why="entries were evicted"), ServerTimeRejected(why="entries were evicted")]
)
def test_what_was_not_counted_says_why(page_with, time) -> None:
    state = "absent" if isinstance(time, ServerTimeAbsent) else "rejected"
    page = page_with(time)
    assert f"{state}: entries were evicted" in page
    assert "<table" not in page


def test_a_run_that_did_not_ask_has_no_section(table: pd.DataFrame) -> None:
    made = record(table)
    assert "Where the time went" not in page_of(view_of(made), charts_of(made, {}))


def test_the_page_shows_it_and_takes_no_statement_for_markup(page_with) -> None:
    evil = Statement(text=EVIL, calls=1, rows=2, exec_ms=1.0)
    page = page_with(replace(server_time(), statements=(evil,)))
    assert "Where the time went" in page
    assert "1.5 s (75 %)" in page
    assert EVIL not in page

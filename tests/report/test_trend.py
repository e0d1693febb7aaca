"""The runs before one, beside its own numbers: which are comparable, and what is shown of them."""

from pathlib import Path

import pandas as pd
import pytest
from msgspec.structs import replace

from tailguard.compare.earlier_runs import MOST, earlier_runs
from tailguard.record.run import Run
from tailguard.record.run_record import Ended, RunRecord
from tailguard.report.report import rendered, write_report
from tailguard.report.views.trend import HEIGHT, previous_of, trends_of
from tests.support.made_duet import duet_record
from tests.support.made_run import record, with_verdict, write_run

P95 = "registration p95 <= 215ms"


@pytest.fixture(scope="module")
def made(table: pd.DataFrame) -> RunRecord:
    return record(table)


def observing(made: RunRecord, value_ms: float) -> RunRecord:
    return with_verdict(made, 0, observed=replace(made.verdicts[0].observed, value=value_ms))


def on_disk(folder: Path, made: RunRecord, name: str) -> Run:
    return Run.load(write_run(folder / name, replace(made, id=name), None))


@pytest.mark.system
def test_the_comparable_runs_that_began_before_are_found_oldest_first(made, tmp_path: Path) -> None:
    on_disk(tmp_path, made, "20261121T1000Z-a")
    on_disk(tmp_path, replace(made, ended=Ended.INTERRUPTED), "20261121T1001Z-partial")
    on_disk(
        tmp_path, replace(made, platform=replace(made.platform, faults=("slow",))), "20261121T1002Z-faults"
    )
    on_disk(tmp_path, duet_record(made), "20261121T1003Z-duet")
    cpu = replace(made.environment.cpu, model="Another CPU")
    elsewhere = replace(made, environment=replace(made.environment, cpu=cpu))
    on_disk(tmp_path, elsewhere, "20261121T1004Z-elsewhere")
    (tmp_path / "20261121T1005Z-broken").mkdir()
    (tmp_path / "20261121T1005Z-broken" / "run.json").write_text("{")
    on_disk(tmp_path, made, "20261121T1006Z-b")
    run = on_disk(tmp_path, made, "20261121T1007Z-this")
    on_disk(tmp_path, made, "20261121T1008Z-later")
    assert [found.id for found in earlier_runs(run)] == ["20261121T1000Z-a", "20261121T1006Z-b"]


@pytest.mark.system
def test_no_more_runs_are_taken_than_a_line_can_show(made, tmp_path: Path) -> None:
    for number in range(MOST + 2):
        on_disk(tmp_path, made, f"20261121T10{number:02}Z")
    found = earlier_runs(on_disk(tmp_path, made, "20261121T11Z"))
    assert [len(found), found[0].id] == [MOST, "20261121T1002Z"]


def test_an_objective_that_an_earlier_run_has_too_gets_a_line_that_ends_with_this_run(made) -> None:
    trends = trends_of(observing(made, 4.0), [observing(made, 2.0), observing(made, 8.0)])
    assert trends[P95].words == "3 runs: 2 ms to 8 ms, this one 4 ms"
    heights = [float(point.split(",")[1]) for point in trends[P95].points.split()]
    assert heights[1] < heights[2] < heights[0] < HEIGHT
    assert trends[P95].last_y == heights[2]
    assert trends_of(made, []) == {}
    without = replace(made, verdicts=made.verdicts[1:])
    assert P95 not in trends_of(made, [without])


def test_a_limit_far_above_all_values_does_not_flatten_the_line(made) -> None:
    assert trends_of(observing(made, 4.0), [made])[P95].limit_y is None
    near = trends_of(observing(made, 200.0), [made])[P95]
    assert near.limit_y is not None
    assert near.limit_y < near.last_y


def test_the_previous_run_is_named_with_the_largest_difference_and_no_judgement(made) -> None:
    told = previous_of(observing(made, 4.0), [observing(made, 1.0), observing(made, 2.0)])
    assert told is not None
    assert f"of 8 latencies, the largest difference is that of {P95}, +100 %" in told.words
    assert "not a judgement" in told.words
    assert previous_of(made, []) is None


@pytest.mark.system
def test_the_page_of_the_previous_run_is_a_link_if_it_is_there(made, tmp_path: Path) -> None:
    before = on_disk(tmp_path, made, "20261121T1000Z-a'b")
    run = on_disk(tmp_path, made, "20261121T1007Z-this")
    without = write_report(run).read_text("utf-8")
    assert "Previous run 20261121T1000Z-a&#39;b (" in without
    write_report(before)
    page = write_report(run).read_text("utf-8")
    link = '<a href="../20261121T1000Z-a%27b/report.html">20261121T1000Z-a&#39;b</a>'
    assert f"Previous run {link} (" in page
    assert link not in rendered(run, "html"), "that page may be written anywhere"

"""A run of any size has a page that a browser can open: the gravest first, and what is left out is told."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from msgspec.structs import replace

from benchmarks.scale import MOST_BYTES, MOST_PAGE, WORLDS, costs_of
from tailguard.base.state import State
from tailguard.compare.history import COLUMNS, SCHEMA, merged
from tailguard.compare.series.findings import series_of
from tailguard.record.run_record import RunRecord
from tailguard.report.history_page import history_page_of
from tailguard.report.report import rendered
from tailguard.report.views.shortened import shortened
from tailguard.report.views.view import view_of
from tests.support.each import each
from tests.support.finished_runs import finished_run

pytestmark = pytest.mark.system


@pytest.fixture
def record(tmp_path: Path) -> RunRecord:
    return finished_run("run", tmp_path).record


def with_verdicts(record: RunRecord, count: int) -> RunRecord:
    first = record.verdicts[0]
    many = [replace(first, name=f"{first.name} {number}", state=State.PASS) for number in range(count)]
    many[-1] = replace(many[-1], state=State.FAIL)
    return replace(record, verdicts=tuple(many))


def test_a_record_that_a_page_can_hold_is_shown_whole(record: RunRecord) -> None:
    assert shortened(record) == (record, "")


def test_the_gravest_of_ten_thousand_verdicts_stay_and_the_rest_is_counted(record: RunRecord) -> None:
    view = view_of(with_verdicts(record, 10_000))
    assert view.cards[0].verdict.state is State.FAIL
    assert len(view.cards) == 200
    assert view.overall.state is State.FAIL
    assert "leaves out 9,800 of 10,000 verdicts" in dict(view.warnings)["Too much for one page"]


def test_of_three_thousand_scenarios_those_with_the_gravest_verdicts_are_shown(record: RunRecord) -> None:
    entry, verdict = record.scenarios["upload"], record.verdicts[0]
    slugs = [f"upload_{number}" for number in range(3000)]
    about = replace(verdict, state=State.FAIL, objective=replace(verdict.objective, scenario=slugs[-1]))
    short, left_out = shortened(
        replace(record, scenarios=dict.fromkeys(slugs, entry), verdicts=(about,), objectives=None)
    )
    assert next(iter(short.scenarios)) == slugs[-1]
    assert left_out == "2,990 of 3,000 scenarios"


def test_a_long_text_is_cut_and_its_place_told(record: RunRecord) -> None:
    verdict = replace(record.verdicts[0], why="long " * 1_000_000)
    short, left_out = shortened(replace(record, verdicts=(verdict,)))
    assert short.verdicts[0].why.endswith("… (whole in run.json)")
    assert left_out == "the ends of long texts"


def test_the_page_of_ten_thousand_verdicts_stays_below_two_megabytes(tmp_path: Path) -> None:
    run = finished_run("run", tmp_path)
    run.record = with_verdicts(run.record, 10_000)
    assert len(rendered(run, "html").encode()) < MOST_PAGE


def test_the_page_of_a_thousand_runs_of_a_hundred_series_stays_below_two_megabytes() -> None:
    row = dict.fromkeys(COLUMNS, "x") | {"unit": "ms", "limit": None, "n": 9}
    rng = np.random.default_rng(1)
    rows = [
        row | {"run": f"{run}", "created_utc": f"{2000 + run}-01-01T00:00:00Z", "scenario": f"s{number}"}
        for number in range(100)
        for run in range(1000)
    ]
    values = rng.lognormal(2, 0.1, len(rows))
    table = pd.DataFrame(rows, columns=COLUMNS).assign(value=values, low=values * 0.9, high=values * 1.1)
    history = merged(pa.Table.from_pandas(table, schema=SCHEMA, preserve_index=False))
    page = history_page_of(series_of(history))
    assert page.count("<figure>") == 101
    assert len(page.encode()) < MOST_PAGE


@pytest.mark.proof
@pytest.mark.parametrize("world", WORLDS)
def test_a_run_of_the_largest_size_is_read_within_its_bounds(world: str) -> None:
    """In memory and bytes; how many seconds it takes, `python -m benchmarks.scale` prints."""
    for row, cost, page, _ in each(costs_of(world)):
        assert cost.code in (0, 99), row
        assert cost.peak <= MOST_BYTES, row
        assert page <= MOST_PAGE, row

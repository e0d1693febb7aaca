"""One interval, that of the test that decided, wherever a run is shown: PASS stands beside no bound over its limit."""

import csv
import io

import pandas as pd
import pytest

from tailguard.record.run import Run
from tailguard.record.verdict import ObjectiveVerdict
from tailguard.report.charts.drawn import RenderedCharts
from tailguard.report.export_formats import exported
from tailguard.report.page import page_of
from tailguard.report.text.markdown import markdown_of
from tailguard.report.views.view import view_of
from tests.support.each import each
from tests.support.gallery import failing, judged_on_disk, passing, undecided
from tests.support.made_samples import samples
from tests.support.on_terminal import shown

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return samples(2000)


@pytest.fixture(scope="module", params=[passing, failing, undecided])
def judged(
    request: pytest.FixtureRequest, frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    return judged_on_disk(tmp_path_factory.mktemp("judged"), request.param(frame), frame)


def page(run: Run) -> str:
    """The report without its charts."""
    return page_of(view_of(run.record), RenderedCharts({slug: {} for slug in run.record.scenarios}))


def objectives(run: Run) -> list[ObjectiveVerdict]:
    return [each for each in run.record.verdicts if isinstance(each, ObjectiveVerdict)]


def test_a_verdict_is_pass_exactly_if_its_upper_bound_is_within_its_limit(judged: Run) -> None:
    for verdict in each(objectives(judged)):
        limit, bound = verdict.objective.limit, verdict.observed.high
        within = bound is not None and (
            bound < limit if verdict.objective.q and verdict.objective.strict else bound <= limit
        )
        assert within is (verdict.state == "PASS"), verdict.name


def test_every_text_shows_the_bounds_of_the_verdict(judged: Run) -> None:
    texts = {
        "page": page(judged),
        "markdown": markdown_of(view_of(judged.record)),
        "terminal": shown(judged.record, width=400),
    }
    for card in each(view_of(judged.record).cards):
        missing = [name for name, text in texts.items() if card.interval not in text]
        assert missing == [], card.name


def test_an_export_has_the_bounds_of_the_verdict_beside_its_state(judged: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(exported(judged, "csv")["metrics.csv"])))
    for verdict in each(objectives(judged)):
        name = f"p{verdict.objective.q * 100:g}" if verdict.objective.q else verdict.objective.metric
        found = [
            row
            for row in rows
            if (row["scenario"], row["step"], row["name"]) == (verdict.scenario, verdict.objective.step, name)
        ]
        if verdict.objective.metric == "retry_rate":
            continue  # no format has a number for it
        (row,) = found
        bounds = [None if row[each] == "" else float(row[each]) for each in ("low", "high")]
        assert bounds == [verdict.observed.low, verdict.observed.high], verdict.name
        assert row["state"] == verdict.state


def test_the_table_of_a_step_has_the_interval_of_its_verdict(judged: Run) -> None:
    tables = [
        part.partition("</table>")[0]
        for part in page(judged).split('aria-label="Quantiles of registration register"')[1:]
    ]
    cards = [card for card in view_of(judged.record).cards if card.place == "registration"]
    for card in each(card for card in cards if card.verdict.objective.q):
        assert card.interval in tables[0]

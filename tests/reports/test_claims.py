"""DeltaCrown's own section of the report: what is published, against what a run measured."""

from pathlib import Path

import pandas as pd
import pytest
from msgspec.structs import replace

from reports.claims import gains_of, remedies_of, section
from tailguard.base.state import State
from tailguard.config.suite_table import suite_in
from tailguard.experiment.file import read_experiment
from tailguard.record.duet import Claim
from tailguard.record.run_record import RunRecord
from tailguard.report.report import rendered
from tailguard.report.sections import sections_of
from tests.support.made_duet import change, duet
from tests.support.made_migration import median
from tests.support.made_run import record, with_verdict

pytestmark = pytest.mark.system

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def made(table: pd.DataFrame) -> RunRecord:
    return record(table)


def with_server_ms(made: RunRecord, before_ms: float, after_ms: float) -> RunRecord:
    entry = made.migrations[0]
    before = replace(entry.before, server_ms=median(before_ms))
    after = replace(entry.after, server_ms=median(after_ms))
    return replace(made, migrations=(replace(entry, before=before, after=after),))


@pytest.mark.parametrize(
    ("server_ms", "said"),
    [
        (
            (10.0, 1.0),
            "the gain of 67 % according to the platform&#39;s own report understates the server side",
        ),
        (
            (10.0, 8.0),
            "the gain of 67 % according to the platform&#39;s own report is not reached by the server side",
        ),
    ],
)
def test_the_claimed_gain_is_held_against_what_this_run_measured(made, server_ms, said) -> None:
    html = section(with_server_ms(made, *server_ms))
    assert said in html
    saved = 100 * (1 - server_ms[1] / server_ms[0])
    assert f'<td class="number">{saved:g} %</td>' in html


def test_an_index_of_which_nothing_was_claimed_is_held_against_nothing(made) -> None:
    own = replace(made, migrations=(replace(made.migrations[0], slug="my_own"),))
    assert list(gains_of(own)) == []
    assert "according to" not in section(own)


def test_every_published_p95_stands_beside_what_was_measured(made) -> None:
    html = section(made)
    for published in ("≤ 215 ms", "≤ 167 ms", "&lt; 5000 ms", "≤ 265 ms", "≤ 75 ms", "&lt; 50 ms"):
        assert published in html
    assert "300 ms" not in html, "a p99 is not published"


def tried(made: RunRecord, file: str, state: State) -> RunRecord:
    """The record of an experiment, as that file has it."""
    asked = read_experiment(ROOT / "perf" / "experiments" / file)
    claim = Claim(title=asked.title, scenario="x", step="y", q=0.95, change=-0.6, source=asked.source)
    judged = change("x p95 of y at least 60 % less", state, margin=-0.6, why="10 pairs: so it is")
    return replace(made, duet=replace(duet(), claim=claim), verdicts=(judged,), migrations=())


@pytest.mark.parametrize("file", [path.name for path in (ROOT / "perf" / "experiments").glob("*.toml")])
def test_an_experiment_shows_its_own_claim_judged_and_how_the_others_are_tried(made, file) -> None:
    found = tried(made, file, State.FAIL)
    judged = [each for each in remedies_of(found) if each.verdict]
    assert [(each.file, each.verdict.state) for each in judged] == [(f"perf/experiments/{file}", State.FAIL)]
    html = section(found)
    assert "10 pairs: so it is" in html
    assert html.count("not tried here") == len([*remedies_of(found)]) - 1


def test_a_duet_without_a_claim_shows_no_backlog(made) -> None:
    assert list(remedies_of(replace(made, duet=duet()))) == []


def test_a_run_of_neither_has_no_such_section(made) -> None:
    assert section(replace(made, migrations=(), verdicts=())) == ""


def test_a_limit_without_samples_shows_no_number(made) -> None:
    assert '<td class="number">—</td>' in section(with_verdict(made, 0, observed=None))


def test_text_from_a_run_is_never_taken_for_markup(made) -> None:
    evil = "<img src=x onerror=alert(1)>"
    objective = replace(made.verdicts[0].objective, scenario=evil)
    assert "<img" not in section(with_verdict(made, 0, objective=objective))


def test_the_suite_names_it_and_the_products_report_shows_it(run) -> None:
    sections = sections_of(suite_in(ROOT / "tailguard.toml"))
    assert "Published claims" in rendered(run, "html", sections)
    assert "Published claims" not in rendered(run, "html")

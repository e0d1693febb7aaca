"""The page: one file, nothing from elsewhere, nothing executed that is not ours, small whatever was measured."""

import html
import re

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace

from tailguard.base.state import State
from tailguard.record.doubt import Grade
from tailguard.record.migration import MigrationEntry
from tailguard.record.part import Document
from tailguard.record.run_record import Ended, RunRecord
from tailguard.record.samples import Samples
from tailguard.report.charts.drawn import RenderedCharts
from tailguard.report.charts.rendered_charts import charts_of
from tailguard.report.page import page_of
from tailguard.report.views.view import view_of
from tests.support.made_run import record, with_scenario, with_verdict
from tests.support.made_samples import columns

MOST_BYTES = 2_000_000


def pictured(table: pd.DataFrame, *slugs: str) -> dict[str, Samples]:
    """The samples of some scenarios: drawing all of them takes seconds."""
    return {slug: found for slug, found in columns(table).items() if slug in slugs}


@pytest.fixture(scope="module")
def page(table: pd.DataFrame) -> str:
    made = record(table)
    return page_of(view_of(made), charts_of(made, pictured(table, "certificate_upload")))


def without_scripts(page: str) -> str:
    return re.sub(r"<(script|style)[ >].*?</\1>", "", page, flags=re.DOTALL)


def test_the_page_loads_nothing(page) -> None:
    markup = without_scripts(page)
    assert not re.search(r"""(?:src|href)=["'](?!#)""", markup)
    policy = html.unescape(markup.split('Content-Security-Policy" content="')[1].split('"')[0])
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy


def test_the_chart_library_is_inlined_once(page) -> None:
    assert page.count("<script>") == 2
    assert page.count("window.vegaEmbed=") + page.count("window.vegaEmbed =") == 1


# Of a step, of a scenario's load, of a migration.
OF_STEP, OF_LOAD = 5, 3


def test_each_step_and_load_has_its_charts_with_a_still_picture_and_its_scenario_a_small_one(page) -> None:
    assert page.count('type="application/json"') == 2 * OF_STEP + OF_LOAD + 1
    assert page.count('<div class="still"><svg') == 2 * OF_STEP + OF_LOAD + 1
    assert page.count('<svg class="small"') == 1


def test_verdicts_come_before_doubts_before_scenarios_before_migrations(page) -> None:
    places = [
        page.index(f'<section id="{name}"') for name in ("verdicts", "doubts", "scenarios", "migrations")
    ]
    assert places == sorted(places)


EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def spoiled(table: pd.DataFrame) -> RunRecord:
    """A record in which every text that a run can bring along is markup."""
    made = record(table)
    invariant = replace(made.scenarios["registration"].invariants[0], name=EVIL, observed=EVIL)
    made = with_scenario(made, "registration", title=EVIL, errors={EVIL: 3}, invariants=(invariant,))
    made = with_verdict(made, 0, name=f"registration {EVIL}", why=EVIL)
    made = with_verdict(made, -1, state=State.FAIL, name=EVIL, expected=EVIL, observed=EVIL)
    made = replace(made, profile=EVIL, ended=Ended.BROKE_OFF, because=EVIL, command=(EVIL,))
    return replace(
        made,
        config=Document({EVIL: EVIL}),
        platform=replace(made.platform, faults=(EVIL,)),
        doubts=(replace(made.doubts[0], kind=EVIL, measured=EVIL, limit=EVIL, remedy=EVIL, scenario=EVIL),),
        migrations=(spoiled_migration(made.migrations[0]),),
        environment=replace(made.environment, packages={EVIL: EVIL}),
    )


def spoiled_migration(entry: MigrationEntry) -> MigrationEntry:
    plan = {"Plan": {"Node Type": EVIL, "Filter": EVIL, "Relation Name": EVIL}}
    assert entry.after is not None
    after = replace(entry.after, explained=Document(plan))
    texts = dict.fromkeys(("slug", "up_sql", "query_sql", "table"), EVIL)
    return replace(entry, parameters={EVIL: EVIL}, after=after, **texts)


def test_grave_doubts_are_told_once_and_not_in_each_card_that_they_make_invalid(table) -> None:
    made = record(table)
    doubt = replace(made.doubts[0], grade=Grade.GRAVE, remedy="run `tailguard <b>` again")
    for place in range(14):
        made = with_verdict(made, place, state=State.INVALID, why="late generator: long words")
    page = page_of(
        view_of(replace(made, doubts=(doubt,))), RenderedCharts({slug: {} for slug in made.scenarios})
    )
    assert page.count('<p class="why">Not trusted: <a href="#doubts">') == 14
    assert page.count('<p class="why">late generator') == 0
    assert page.count("late generator: long words") == 14  # folded
    assert "run <code>tailguard &lt;b&gt;</code> again" in page


@pytest.mark.system
def test_text_from_a_run_is_never_taken_for_markup(table) -> None:
    made = spoiled(table)
    page = page_of(view_of(made), charts_of(made, pictured(table, "registration")))
    assert "<img src=x" not in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert page.count("<script>") == 2
    assert page.count("</script>") == page.count("<script")


@pytest.mark.system
def test_a_page_with_all_charts_is_small(table) -> None:
    made = record(table)
    page = page_of(view_of(made), charts_of(made, columns(table)))
    assert (
        page.count('<div class="still"><svg') == 6 * OF_STEP + 5 * OF_LOAD - 1 + 1
    )  # of one, no request failed
    assert len(page.encode()) < MOST_BYTES


@pytest.mark.system
def test_two_million_samples_make_a_page_as_small(table) -> None:
    many = {slug: repeated(found, 2_000_000) for slug, found in pictured(table, "registration").items()}
    made = record(table)
    page = page_of(view_of(made), charts_of(made, many))
    assert "2,000,000" in page
    assert len(page.encode()) < MOST_BYTES


def repeated(found: Samples, count: int) -> Samples:
    """`found` again and again until there are `count` samples, each iteration later than the one before."""
    times = -(-count // len(found))
    later = np.repeat(np.arange(times), len(found))[:count] * 7_000_000_000

    def again(column: np.ndarray) -> np.ndarray:
        return np.tile(column, times)[:count]

    return Samples(
        found.scenario,
        found.steps,
        found.errors,
        again(found.intended_ns) + later,
        again(found.started_ns) + later,
        again(found.ended_ns) + later,
        again(found.step),
        np.zeros(count, np.uint8),
        again(found.error),
        again(found.retries),
    )


@pytest.mark.system
def test_charts_stay_within_their_budget_and_say_what_was_left_out(table) -> None:
    made = record(table)
    charts = charts_of(made, pictured(table, "registration", "economy_transfer"), budget_bytes=60_000)
    drawn = [figure for steps in charts.steps.values() for step in steps.values() for figure in step]
    assert sum(figure.size for figure in [*drawn, *charts.migrations] if figure.spec) <= 60_000
    assert any(figure.svg for figure in charts.migrations)
    assert "Left out to keep this page small" in page_of(view_of(made), charts)


@pytest.mark.system
def test_every_exceedance_is_drawn_where_they_are_few(table) -> None:
    made = record(table)
    made = with_verdict(made, 0, objective=replace(made.verdicts[0].objective, limit_ms=5.0))
    found = columns(table)["registration"]
    over = int((found.response_ms("register") > 5.0).sum())
    figure = charts_of(made, {"registration": found}).steps["registration"]["register"][0]
    assert over > 3
    assert f"{over} of {over} samples over the lowest limit are drawn" in figure.caption


@pytest.mark.system
def test_a_run_without_samples_has_tables_and_says_why_there_are_no_charts(table) -> None:
    made = record(table)
    page = page_of(view_of(made), charts_of(made, {}, "No chart: the file is gone."))
    assert page.count("No chart: the file is gone.") == 6
    assert "Response time" in page


@pytest.mark.system
def test_a_step_where_nothing_succeeded_says_so(table) -> None:
    failed = table.assign(outcome="error", error="Down")
    made = record(failed)
    page = page_of(view_of(made), charts_of(made, columns(failed)))
    assert page.count("No sample of this step succeeded") == 6
    assert "not measured" in page


@pytest.mark.system
def test_an_empty_run_says_what_is_missing(table) -> None:
    made = replace(record(table), scenarios={}, verdicts=(), migrations=(), doubts=())
    page = page_of(view_of(made), RenderedCharts())
    for words in ("No objective was judged", "No scenario was measured", "No migration was proven"):
        assert words in page


@pytest.mark.system
@pytest.mark.parametrize(("left_out", "kept"), [("scenarios", "migrations"), ("migrations", "scenarios")])
def test_a_part_that_this_kind_of_run_never_has_is_left_out(table, left_out, kept) -> None:
    made = replace(record(table), **{left_out: {"scenarios": {}, "migrations": ()}[left_out]})
    page = page_of(view_of(made), charts_of(made, {}))
    assert f'href="#{left_out}"' not in page
    assert f'<section id="{left_out}"' not in page
    assert f'<section id="{kept}"' in page

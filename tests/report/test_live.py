"""A proof under load in the report: the stall chart, what clients met, cost beside benefit."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace

from tailguard.record.migration import BuildPhase
from tailguard.record.run import Run
from tailguard.record.samples.parquet import write_samples
from tailguard.report.charts.live_chart import MOST_POINTS, bands_of, live_figures
from tailguard.report.charts.rendered_charts import charts_of
from tailguard.report.page import page_of
from tailguard.report.report import rendered
from tailguard.report.views.proof import live_view
from tailguard.report.views.proof.index_tradeoff import costs_of, gains_of
from tailguard.report.views.view import view_of
from tests.support.made_migration import CHECK, median, migration
from tests.support.made_proof import (
    NO_STALL,
    PHASES,
    build,
    growth_row,
    live,
    proof_record,
    proved,
    removed,
    samples,
    window,
)
from tests.support.made_run import record, write_run

pytestmark = pytest.mark.system

X = "\N{MULTIPLICATION SIGN}"


def test_baseline_worst_build_and_control_stand_on_the_same_two_scales() -> None:
    figures = live_figures(proved(), live(), samples())
    assert [figure.title.split(":")[0] for figure in figures] == [
        "Baseline",
        "CREATE INDEX CONCURRENTLY",
        "Positive control, plain CREATE INDEX",
    ]
    assert "Build 2 of 2" in figures[1].caption
    scales = [points_layer(figure.spec)["encoding"] for figure in figures]
    for channel in ("x", "y"):
        assert len({str(scale[channel]["scale"]["domain"]) for scale in scales}) == 1
    assert scales[0]["y"]["scale"]["domain"][1] == pytest.approx(600 * 1.05)


def points_layer(spec: Any) -> dict[str, Any]:
    return next(layer for layer in spec["layer"] if "shape" in layer["encoding"])


def test_a_blocker_is_marked_at_its_time_and_named() -> None:
    figure = live_figures(proved(), live(), samples())[1]
    assert "It waited for pid 7 (psql), user anna: idle" in figure.caption
    rows = [row for data in figure.spec["datasets"].values() for row in data if "blocker" in row]
    assert {row["at_s"] for row in rows} == {0.4}


def test_the_bands_cover_the_build_from_its_start_to_its_end() -> None:
    bands = bands_of(build(0.9, 5.0, PHASES))
    assert list(bands["from_s"]) == [0.0, 0.1, 0.4, 0.7]
    assert list(bands["until_s"]) == [0.1, 0.4, 0.7, 0.9]
    assert list(bands["band"]) == ["building", "building", "waiting", "validating"]


def test_many_requests_are_thinned_to_the_slowest_and_every_failure_stays() -> None:
    rng = np.random.default_rng(1)
    many = samples() | {
        "0001/build_2_writers": window(
            "0001/build_2_writers", rng.exponential(2, 20_000), every_ms=1, failed=7
        )
    }
    figure = live_figures(proved(), live(), many)[1]
    data = next(d for d in figure.spec["datasets"].values() if "kind" in d[0])
    writers = [row for row in data if row["kind"] != "readers"]
    assert len(writers) <= MOST_POINTS + 7
    assert sum(row["kind"] == "failed" for row in writers) == 7
    slowest = (many["0001/build_2_writers"].ended_ns - many["0001/build_2_writers"].intended_ns).max() / 1e6
    assert max(row["ms"] for row in writers) == pytest.approx(slowest, rel=1e-4)


def test_a_lost_file_is_said_where_the_chart_would_be() -> None:
    (figure,) = live_figures(proved(), live(), {})
    assert figure.spec is None
    assert "live.parquet is missing" in figure.caption


def test_cost_stands_next_to_benefit() -> None:
    entry = proved()
    gain = next(gains_of(entry.before, entry.after))
    assert (gain.without, gain.having, gain.change) == ("10.1 ms", "90 µs", f"112{X} faster")
    insert = next(row for row in costs_of(entry, entry.cost) if row.name == "One insert, p50")
    assert (insert.without, insert.having, insert.change, insert.note) == (
        "40 µs",
        "50 µs",
        f"1.25{X}",
        f"1.2{X} to 1.3{X}",
    )


def test_many_builds_are_one_range_and_no_list() -> None:
    row = next(row for row in costs_of(proved(), proved().cost) if row.name == "Build under load")
    assert (row.having, row.change) == ("800 ms to 900 ms", "2 builds")


def test_a_gain_near_the_whole_is_not_rounded_to_it() -> None:
    entry = migration()
    before, after = (
        replace(side, server_ms=median(value))
        for side, value in ((entry.before, 127.0), (entry.after, 0.018))
    )
    gain = live_view.gain_of(replace(entry, before=before, after=after))
    assert "The server saves 99.986 % (127 ms to 18 µs" in gain


def test_a_proof_without_a_control_says_what_it_has_not_shown(table: pd.DataFrame) -> None:
    made = proof_record(record(table), proved(control=None))
    assert live_view.NO_CONTROL in page_of(view_of(made), charts_of(made, {}, live=samples()))
    made = proof_record(record(table), proved())
    assert live_view.NO_CONTROL not in page_of(view_of(made), charts_of(made, {}, live=samples()))


def test_the_page_of_a_proof_shows_charts_verdicts_costs_and_the_sentence(
    tmp_path: Path, table: pd.DataFrame
) -> None:
    made = proof_record(record(table), proved())
    folder = write_run(tmp_path / "20261121T100000Z-3f9c1a", made, None)
    write_samples(folder / "live.parquet", samples())
    page = rendered(Run.load(folder), "html")
    for words in ("longest wait of writers", "What it costs", "Each query saves 10 ms of the server"):
        assert words in page
    assert page.count('<div class="still"><svg') == 4


def test_a_removal_under_load_is_told_as_drops_and_shows_its_savings_once(table: pd.DataFrame) -> None:
    entry = removed(live())
    assert live_view.lead_of(entry, live()).startswith(
        "2 drops, each behind a reader whose transaction stayed open"
    )
    windows = {window.split(" ")[0] for window, _, _ in live_view.impacts_of(entry, live())}
    assert windows == {"baseline,", "drop", "without", "plain"}
    made = proof_record(record(table), entry)
    page = page_of(view_of(made), charts_of(made, {}, live=samples()))
    assert page.count("One insert, p50") == 1
    assert "What a query gains" not in page


def test_the_charts_of_a_removal_speak_of_drops() -> None:
    first, second = live().builds
    working = (BuildPhase(elapsed_s=0.1, phase="working", blockers=()),)
    drops = replace(live(), builds=(first, replace(second, phases=working)))
    baseline, drop, control = live_figures(removed(drops), drops, samples())
    assert baseline.title == "Baseline: no drop"
    assert drop.title.startswith("DROP INDEX CONCURRENTLY: ")
    assert "Bands are the drop's phases: grey dropping." in drop.caption
    assert not any("build" in str(figure.spec) for figure in (baseline, drop, control))


def test_text_of_a_proof_is_never_taken_for_markup(table: pd.DataFrame) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    first, second = live().builds
    phases = (BuildPhase(elapsed_s=0.1, phase=evil, blockers=(evil,)),)
    entry = proved(builds=(first, replace(second, phases=phases)))
    made = proof_record(record(table), entry, CHECK, replace(NO_STALL, name=evil, observed=evil))
    page = page_of(view_of(made), charts_of(made, {}, live=samples()))
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_sizes_stand_in_a_table_and_a_server_that_cannot_evict_is_named(table: pd.DataFrame) -> None:
    made = proof_record(record(table), replace(migration(), growth=(growth_row(),)), CHECK)
    page = page_of(view_of(made), charts_of(made, {}))
    cells = "90,000 10 ms 100 µs 100{X} not measured not measured 100 5".replace("{X}", X)
    row = page[page.index("By size of the table") : page.index("Server time of one query, median.")]
    assert cells in " ".join(re.sub("<[^>]*>", " ", row).split())
    assert "Not measured here: needs 18." in page


def test_a_removal_shows_what_it_saves(table: pd.DataFrame) -> None:
    made = proof_record(record(table), removed(), CHECK)
    page = page_of(view_of(made), charts_of(made, {}))
    assert "The removal saves 2.81 MiB of disk" in page
    assert "What each write costs" in page

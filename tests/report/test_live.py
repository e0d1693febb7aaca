"""A proof under load in the report: the stall chart, what clients felt, cost beside benefit, the claim put right."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tailguard.record.run import Run
from tailguard.record.samples.parquet import write_samples
from tailguard.report.charts.live_chart import MOST_POINTS, bands_of, live_figures
from tailguard.report.charts.rendered_charts import gallery_of
from tailguard.report.page import page_of
from tailguard.report.report import rendered
from tailguard.report.views.proof.live_view import NO_CONTROL, proof_of
from tailguard.report.views.view import view_of
from tests.support.made_proof import PHASES, build, growth_row, proved, removed, samples, window
from tests.support.made_run import migration, record, write_run

X = "\N{MULTIPLICATION SIGN}"


def test_baseline_worst_build_and_control_stand_on_the_same_two_scales() -> None:
    figures = live_figures(proved()["live"], samples())
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
    figure = live_figures(proved()["live"], samples())[1]
    assert "it waited for pid 7 (psql), user anna: idle" in figure.caption
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
        "build_2_writers": window("build_2_writers", rng.exponential(2, 20_000), every_ms=1, failed=7)
    }
    figure = live_figures(proved()["live"], many)[1]
    data = next(d for d in figure.spec["datasets"].values() if "kind" in d[0])
    writers = [row for row in data if row["kind"] != "readers"]
    assert len(writers) <= MOST_POINTS + 7
    assert sum(row["kind"] == "failed" for row in writers) == 7
    slowest = (many["build_2_writers"].ended_ns - many["build_2_writers"].intended_ns).max() / 1e6
    assert max(row["ms"] for row in writers) == pytest.approx(slowest, rel=1e-4)


def test_a_lost_file_is_said_where_the_chart_would_be() -> None:
    (figure,) = live_figures(proved()["live"], {})
    assert figure.spec is None
    assert "live.parquet is missing" in figure.caption


def test_cost_stands_next_to_benefit() -> None:
    live = proof_of(proved()).live
    assert live is not None
    assert (live.gains[0].without, live.gains[0].having, live.gains[0].change) == (
        "10.1 ms",
        "90 µs",
        f"112{X} faster",
    )
    insert = next(row for row in live.costs if row.name == "One insert, p50")
    assert (insert.without, insert.having, insert.change, insert.note) == (
        "40 µs",
        "50 µs",
        f"1.25{X}",
        f"1.2{X} to 1.3{X}",
    )
    assert live.warning == ""


def test_many_builds_are_one_range_and_no_list() -> None:
    row = next(row for row in proof_of(proved()).live.costs if row.name == "Build under load")
    assert (row.having, row.change) == ("800 ms to 900 ms", "2 builds")


@pytest.mark.parametrize(
    ("server_ms", "said"),
    [
        ((10.0, 1.0), "the gain of 67 % claimed elsewhere for this index understates the server side"),
        ((10.0, 8.0), "the gain of 67 % claimed elsewhere for this index is not reached by the server side"),
    ],
)
def test_the_claimed_gain_is_held_against_what_this_run_measured(server_ms, said) -> None:
    found = migration()
    for side, median in zip(("before", "after"), server_ms, strict=True):
        found[side] = found[side] | {"server_ms": {"median": median}}
    gain = proof_of(found).gain
    assert said in gain
    assert f"The server saves {100 * (1 - server_ms[1] / server_ms[0]):g} %" in gain


def test_a_gain_near_the_whole_is_not_rounded_to_it() -> None:
    found = migration()
    found["before"]["server_ms"]["median"], found["after"]["server_ms"]["median"] = 127.0, 0.018
    assert "The server saves 99.986 % (127 ms to 18 µs" in proof_of(found).gain


def test_an_index_of_which_nothing_was_claimed_is_held_against_nothing() -> None:
    assert "claimed" not in proof_of(migration() | {"slug": "my_own"}).gain


def test_a_proof_without_a_control_says_what_it_has_not_shown(table: pd.DataFrame) -> None:
    found = proved()
    found["live"]["control"] = None
    made = record(table) | {"migrations": [found]}
    assert NO_CONTROL in page_of(view_of(made), gallery_of(made, {}, live=samples()))


def test_the_page_of_a_proof_shows_charts_verdicts_costs_and_the_sentence(
    tmp_path: Path, table: pd.DataFrame
) -> None:
    made = record(table) | {"scenarios": {}, "verdicts": [], "migrations": [proved()]}
    folder = write_run(tmp_path / "20261121T100000Z-3f9c1a", made, None)
    write_samples(folder / "live.parquet", samples())
    page = rendered(Run.load(folder), "html")
    for words in ("no stall of writers", "What it costs", "Each query saves 10 ms: worth it.", "67 %"):
        assert words in page
    assert page.count('<div class="still"><svg') == 4


def test_a_removal_under_load_is_told_as_drops_and_shows_its_savings_once() -> None:
    found = proved()
    found["live"]["statement"] = "DROP INDEX"
    found["removal"] = {"saving": "The removal saves 7 MiB of disk.", "cost": found["live"]["cost"]}
    shown = proof_of(found)
    assert shown.live is not None
    assert shown.live.lead.startswith("2 drops, each behind a reader whose transaction stayed open")
    assert {row.window.split(" ")[0] for row in shown.live.felt} == {"baseline,", "drop", "without", "plain"}
    assert (shown.live.gains, shown.live.costs, len(shown.savings) > 0) == ((), (), True)
    found["live"]["builds"][1]["phases"] = [{"elapsed_s": 0.1, "phase": "working", "blockers": []}]
    baseline, drop, control = live_figures(found["live"], samples())
    assert baseline.title == "Baseline: no drop"
    assert drop.title.startswith("DROP INDEX CONCURRENTLY: ")
    assert "Bands are the drop's phases: grey dropping." in drop.caption
    assert not any("build" in str(figure.spec) for figure in (baseline, drop, control))


def test_text_of_a_proof_is_never_taken_for_markup(table: pd.DataFrame) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    found = copy.deepcopy(proved())
    found["live"]["worth"] = evil
    found["live"]["verdicts"][0].update(name=evil, observed=evil)
    found["live"]["builds"][1]["phases"] = [{"elapsed_s": 0.1, "phase": evil, "blockers": [evil]}]
    made = record(table) | {"migrations": [found]}
    page = page_of(view_of(made), gallery_of(made, {}, live=samples()))
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_sizes_stand_in_a_table_and_a_server_that_cannot_evict_is_named() -> None:
    proof = proof_of(migration() | {"growth": [growth_row()]})
    (shown,) = proof.growth
    assert (shown.rows, shown.warm, shown.gain) == ("90,000", ("10 ms", "100 µs"), f"100{X}")
    assert (shown.blocks, shown.cold) == (("100", "5"), ("not measured", "not measured"))
    assert proof.cold_absent == "needs 18"


def test_a_removal_shows_what_it_saves(table: pd.DataFrame) -> None:
    made = record(table) | {"migrations": [removed()]}
    page = page_of(view_of(made), gallery_of(made, {}))
    assert "The removal saves 2 MiB of disk." in page
    assert "What each write costs" in page

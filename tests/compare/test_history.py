"""A history grows by the new runs only, travels as a file, and shows what changed."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from msgspec.structs import replace

from tailguard.base.errors import UsageError
from tailguard.compare.history import (
    COLUMNS,
    SCHEMA,
    finished_runs,
    merged,
    read_history,
    rows_of,
    write_history,
)
from tailguard.compare.series.findings import ALL, series_of
from tailguard.record.run import Run
from tailguard.record.run_record import Ended
from tailguard.report.history_page import history_page_of, report_pages
from tailguard.report.views.history_view import changes_of, groups_of, line_of, rate_of, spark
from tests.support.made_duet import duet_record
from tests.support.made_proof import proof_record, proved
from tests.support.made_run import record, write_run
from tests.support.made_samples import samples


def write_runs(folder: Path, count: int) -> None:
    for number in range(count):
        table = samples(60, seed=number + 1)
        made = replace(record(table), id=f"00000{number}", created_utc=f"2026-11-2{number}T10:00:00Z")
        write_run(folder / f"2026112{number}T100000Z-00000{number}", made, table)


def frame_of(run: Run) -> pd.DataFrame:
    return rows_of(run).to_pandas()


def table_of(*frames: pd.DataFrame) -> pa.Table:
    """The history that these rows make."""
    return merged(*(pa.Table.from_pandas(each, schema=SCHEMA, preserve_index=False) for each in frames))


def test_each_run_is_taken_in_once(tmp_path: Path) -> None:
    write_runs(tmp_path, 2)
    first = merged(*(rows_of(run) for run in finished_runs(tmp_path, set()).runs))
    assert first["run"].unique().to_pylist() == ["000000", "000001"]
    assert finished_runs(tmp_path, {"000000", "000001"}).runs == ()
    pd.testing.assert_frame_equal(merged(first, first).to_pandas(), first.to_pandas())


def test_a_run_whose_folder_has_another_name_is_known_by_its_id(tmp_path: Path) -> None:
    write_runs(tmp_path, 1)
    (tmp_path / "20261120T100000Z-000000").rename(tmp_path / "kept")
    assert [run.record.id for run in finished_runs(tmp_path, set()).runs] == ["000000"]
    assert finished_runs(tmp_path, {"000000"}).runs == ()


def test_of_rows_that_are_there_twice_the_last_ones_stay_in_order_of_time(run: Run) -> None:
    one = frame_of(run)
    later, earlier = (
        one.assign(run=name, created_utc=f"{year}-01-01T00:00:00Z")
        for name, year in (("a", 2027), ("b", 2026))
    )
    found = table_of(later, earlier, later.assign(value=1.5)).to_pandas()
    assert found["run"].tolist() == ["b"] * len(one) + ["a"] * len(one)
    assert found["value"][found["run"] == "a"].unique().tolist() == [1.5]


def test_the_values_are_the_runs(run: Run) -> None:
    rows = frame_of(run)
    row = rows[(rows["step"] == "register") & (rows["name"] == "p95")].iloc[0]
    assert row["value"] == run.record.scenarios["registration"].steps["register"].response_ms.p95.value
    assert row["limit"] == 215.0


def test_an_incomplete_run_a_duet_and_a_proof_are_not_points(tmp_path: Path, run: Run) -> None:
    table = samples(60)
    write_run(tmp_path / "runs" / "a", replace(record(table), ended=Ended.BROKE_OFF), table)
    write_run(tmp_path / "runs" / "b", duet_record(record(table)), table)
    write_run(tmp_path / "runs" / "c", proof_record(record(table), proved()), None)
    assert finished_runs(tmp_path / "runs", set()).runs == ()


def test_a_run_of_another_version_is_left_out_and_counted(tmp_path: Path) -> None:
    write_runs(tmp_path, 1)
    for name, text in (("older", '{"schema": 1}'), ("newer", '{"schema": 3}'), ("broken", "{")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(text, encoding="utf-8")
    found = finished_runs(tmp_path, set())
    assert [run.record.id for run in found.runs] == ["000000"]
    assert found.of_other_schemas == 2


def test_a_history_comes_back_from_its_file(tmp_path: Path, run: Run) -> None:
    write_history(tmp_path / "deep" / "history.parquet", rows_of(run))
    assert len(read_history(tmp_path / "deep" / "history.parquet")) == len(rows_of(run))
    assert len(read_history(tmp_path / "none.parquet")) == 0


def test_a_file_that_is_not_a_history_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_text("nonsense", encoding="utf-8")
    with pytest.raises(UsageError, match=r"is not a history: .*[^.]\. Move it away"):
        read_history(tmp_path / "x.parquet")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "y.parquet")
    with pytest.raises(UsageError, match="lacks run"):
        read_history(tmp_path / "y.parquet")


@pytest.mark.parametrize(
    ("column", "value"),
    [*((name, [1, 2]) for name in COLUMNS), ("value", "a"), ("run", 1.5), ("created_utc", "yesterday?")],
)
def test_a_history_of_other_types_is_refused_by_its_column(
    run: Run, tmp_path: Path, column: str, value
) -> None:
    rows = frame_of(run)
    rows[column] = [value] * len(rows)
    rows.to_parquet(tmp_path / "x.parquet")
    with pytest.raises(UsageError, match=f"is not a history: its column {column} holds something else"):
        read_history(tmp_path / "x.parquet")


def test_a_history_with_whole_numbers_and_no_limit_is_read(run: Run, tmp_path: Path) -> None:
    rows = frame_of(run).assign(limit=None, n=7)
    rows.to_parquet(tmp_path / "x.parquet")
    found = read_history(tmp_path / "x.parquet").to_pandas()
    assert found["n"].unique().tolist() == [7.0]
    assert found["limit"].isna().all()


def test_a_history_that_cannot_be_written_is_named_with_what_to_look_at(tmp_path: Path, run: Run) -> None:
    (tmp_path / "taken").write_text("a file stands where the folder should", encoding="utf-8")
    with pytest.raises(
        UsageError, match=r"Cannot write .*history\.parquet: Not a directory\. Is .*taken there"
    ):
        write_history(tmp_path / "taken" / "history.parquet", rows_of(run))


@pytest.mark.skipif(sys.platform == "darwin", reason="its file system takes no name that is not UTF-8")
def test_a_name_that_is_not_utf_8_is_a_name_all_the_same(tmp_path: Path, run: Run) -> None:
    path = tmp_path / os.fsdecode(b"gr\xf6\xdfe.parquet")
    write_history(path, rows_of(run))
    assert len(read_history(path)) == len(rows_of(run))


def test_a_sparkline_goes_from_the_lowest_to_the_highest() -> None:
    assert spark([1.0, 2.0, 8.0]) == "▁▂█"
    assert spark([3.0, 3.0]) == "▁▁"


def nights(one: pd.DataFrame, factors: Sequence[float]) -> pa.Table:
    """A history of one run's rows a night, its values multiplied."""
    return table_of(
        *(
            one.assign(
                run=f"r{i}",
                created_utc=f"2026-{1 + i // 28:02}-{1 + i % 28:02}T00:00:00Z",
                value=one["value"] * factor,
            )
            for i, factor in enumerate(factors)
        )
    )


def test_the_newest_run_is_held_against_the_median_before_on_its_own_machine(run: Run) -> None:
    one = frame_of(run)
    elsewhere = one.assign(run="other", created_utc="2025-11-05T00:00:00Z", machine="another")
    groups = groups_of(series_of(merged(nights(one, [1, 1, 1, 1.5]), table_of(elsewhere))))
    assert ["another" in heading for heading, _ in groups] == [False, True]
    [line] = [line_of(each) for each in groups[0][1] if each.metric == "registration register p95"]
    assert (line.runs, line.change) == ("4", "+50 %")


def test_runs_by_locust_and_under_faults_are_series_of_their_own(tmp_path: Path, run: Run) -> None:
    table = samples(60)
    faulty = replace(record(table), id="faulty", platform=replace(run.record.platform, faults=("deadlock",)))
    by_locust = replace(
        record(table), id="locust", platform=replace(run.record.platform, adapter="crown, by locust")
    )
    for made in (faulty, by_locust):
        write_run(tmp_path / "others" / made.id, made, table)
    others = (rows_of(each) for each in finished_runs(tmp_path / "others", set()).runs)
    series = series_of(merged(nights(frame_of(run), [1, 1]), *others))
    runs = {(each.kind, len(each.points)) for each in series}
    own = run.record.platform.adapter
    assert runs == {(own, 2), (f"{own}, with fault deadlock", 1), ("crown, by locust", 1)}


def test_a_run_of_some_scenarios_takes_nothing_away(run: Run) -> None:
    one = frame_of(run)
    part = one[one["scenario"] == "registration"].assign(
        run="part", created_utc="2027-01-01T00:00:00Z", config_sha256="f" * 64
    )
    whole = {each.metric for each in series_of(nights(one, [1, 1]))}
    assert {each.metric for each in series_of(merged(nights(one, [1, 1]), table_of(part)))} == whole


def test_a_slowdown_is_told_with_its_runs_and_a_quiet_history_tells_nothing(run: Run) -> None:
    one = frame_of(run)
    quiet = np.exp(np.random.default_rng(3).normal(0, 0.03, 80))
    assert [told for each in series_of(nights(one, quiet)) for told in changes_of(each)] == []
    slower = quiet * np.where(np.arange(80) < 50, 1.0, 1.2)
    told = "\n".join(told for each in series_of(nights(one, slower)) for told in changes_of(each))
    assert "registration register p95: +1" in told
    assert "registration register p95: slower between run r49" in told
    assert "throughput" not in told


@pytest.mark.system
def test_a_machine_that_drifts_shows_in_all_series_together_and_in_none_alone(run: Run) -> None:
    rng = np.random.default_rng(1)
    machine = np.exp(np.where(np.arange(60) < 40, 0.0, 0.2))
    rows = [
        one.assign(run=night, created_utc=f"2026-{1 + i // 28:02}-{1 + i % 28:02}T00:00:00Z", value=value)
        for i, (night, level) in enumerate((f"r{i:02}", level) for i, level in enumerate(machine))
        for one, value in [(many_metrics(run), level * np.exp(rng.normal(0, 0.03, 40)))]
    ]
    found = {each.metric: len(each.alarms) for each in series_of(table_of(*rows))}
    assert found.pop(ALL) == 1
    assert set(found.values()) == {0}


def test_a_metric_that_some_runs_lack_or_that_took_no_time_stops_no_other(run: Run) -> None:
    whole = nights(many_metrics(run), np.ones(3)).to_pandas()
    lacking = whole[(whole["scenario"] != "s00") | (whole["run"] != "r1")]
    none = lacking.assign(
        value=lacking["value"].where((lacking["scenario"] != "s01") | (lacking["run"] != "r2"), 0.0)
    )
    series = series_of(table_of(none))
    runs = {each.metric.partition(" ")[0]: len(each.points) for each in series}
    assert (runs["s00"], runs["s01"], runs["s02"], runs["all"]) == (2, 3, 3, 3)
    assert rate_of(series).startswith("40 latencies are watched")  # 39 and all together: a time of 0 is not


def many_metrics(run: Run) -> pd.DataFrame:
    [row] = frame_of(run).query("step == 'register' and name == 'p95'").to_dict("records")
    return pd.DataFrame([row | {"scenario": f"s{i:02}"} for i in range(40)])


def test_the_page_has_no_script_and_asks_for_nothing(run: Run) -> None:
    page = history_page_of(series_of(nights(frame_of(run), np.r_[np.ones(30), np.full(30, 1.5)])))
    assert "registration register p95" in page
    assert "script-src &#39;none&#39;" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_page_links_the_reports_that_are_there(run: Run, tmp_path: Path) -> None:
    one = frame_of(run)
    report = tmp_path / "runs" / "20261121T100000Z-r1" / "report.html"
    report.parent.mkdir(parents=True)
    report.touch()
    pages = report_pages(tmp_path / "runs", tmp_path / "site")
    assert pages == {"r1": "../runs/20261121T100000Z-r1/report.html"}
    page = history_page_of(series_of(nights(one, [1, 1])), pages)
    links = page.count(f'<a href="{pages["r1"]}"')
    assert links == 2 * page.count("<figure>")  # the point of the run and, as it is the newest, its number


@pytest.mark.system
def test_the_command_shows_exports_and_imports(tmp_path: Path) -> None:
    write_runs(tmp_path / "runs", 2)
    first = tailguard("--runs-dir", "runs", "--export", "kept.parquet", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "2 runs, 2 of them new" in first.stdout
    assert "of another version" not in first.stdout
    older = tmp_path / "runs" / "older" / "run.json"
    older.parent.mkdir()
    older.write_text('{"schema": 1}', encoding="utf-8")
    assert "1 run of another version is left out" in tailguard("--runs-dir", "runs", cwd=tmp_path).stdout
    assert "2 runs, 0 of them new" in tailguard("--runs-dir", "runs", cwd=tmp_path).stdout
    elsewhere = tailguard("--runs-dir", "empty", "--import", "kept.parquet", cwd=tmp_path)
    assert "2 runs, 0 of them new" in elsewhere.stdout
    lost = tailguard("--runs-dir", "runs", "--import", "lost.parquet", cwd=tmp_path)
    assert lost.returncode == 64
    assert "no history to import" in lost.stderr


def tailguard(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tailguard", "history", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, encoding="utf-8")

"""A run is written whole or not at all, survives what happens to its disk, and reads back as it was measured."""

import json
import re
import resource
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tailguard.base.errors import TailguardError, UsageError
from tailguard.config.merge import config_sha256, load_config
from tailguard.engine.summary import scenario_entry
from tailguard.engine.workload import Measurement
from tailguard.pipeline.environment import describe_environment
from tailguard.record.files import BrokenRunError, point_latest, sha256_of, write_file
from tailguard.record.objective import Objectives
from tailguard.record.run import Run
from tailguard.record.run_record import Ended
from tailguard.record.samples import OUTCOMES, Samples, pack_code, samples_from_rows
from tailguard.record.samples.parquet import COLUMNS, read_samples, write_samples
from tailguard.record.scenario import ClosedSchedule, Invariant, ScenarioEnded, ServerTimeAbsent

STEPS, ERRORS = ("upload", "presigned_read", "never_taken"), ("", "DeadlockDetected", "Conflict")


def some_samples(slug="certificate_upload", n=100, seed=1, steps=STEPS, errors=ERRORS):
    random = np.random.default_rng(seed)
    intended = np.cumsum(random.integers(1, 10**7, n))
    started = intended + random.integers(0, 10**5, n)
    ended = started + random.integers(10**5, 10**8, n)
    outcome = random.integers(0, len(OUTCOMES), n)
    last = len(errors) - 1
    code = [
        pack_code(
            int(random.integers(min(2, len(steps)))),
            int(o),
            int(random.integers(3)),
            last if o else 0,
        )
        for o in outcome
    ]
    return samples_from_rows(
        slug, steps, errors, np.column_stack([intended, started, ended, code]).astype(np.int64)
    )


def same(left: Samples, right: Samples):
    arrays = ("intended_ns", "started_ns", "ended_ns", "step", "outcome", "error", "retries")
    return (left.scenario, left.steps, left.errors) == (right.scenario, right.steps, right.errors) and all(
        np.array_equal(getattr(left, name), getattr(right, name))
        and getattr(left, name).dtype == getattr(right, name).dtype
        for name in arrays
    )


@pytest.fixture
def config(tmp_path):
    return load_config("smoke", environ={}, flags={"runs_dir": str(tmp_path / "runs")})


def start(config, *command):
    return Run.start(config, environment=describe_environment(Path.cwd()), command=command)


def entry(samples, title="Some"):
    """What is recorded of a scenario that ended with these samples."""
    measurement = Measurement(
        samples=samples,
        schedule=ClosedSchedule(clients=1, workers=1),
        warmup=0,
        offered_rate_per_s=None,
        achieved_rate_per_s=1.0,
        measured_s=1.0,
        own_s=0.0,
        lateness_ns=np.empty(0, np.int64),
        ended_because=ScenarioEnded.MAX_SAMPLES,
    )
    return scenario_entry(title, measurement)


def add(run, samples, title="Some"):
    run.add_scenario(samples.scenario, entry(samples, title), samples)


@pytest.fixture
def run(config):
    return start(config, "tailguard", "run")


def test_a_new_run_is_on_disk_at_once_and_incomplete(run, config):
    record = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))
    assert record["ended"] == "running"
    assert record["schema"] == 2
    assert not run.complete
    assert run.record.why_incomplete
    assert run.folder.name.endswith("Z-" + record["id"])
    assert record["config_sha256"] == config.sha256 == config_sha256(record["config"])


def test_what_is_saved_after_one_scenario_is_there_when_the_next_one_dies(run, config):
    first = some_samples("registration")
    add(run, first)
    run.save()
    add(run, some_samples("economy_transfer", seed=2))
    # ... and here the process ends without another save.
    found = Run.load("latest", config.runs_dir)
    assert list(found.samples()) == ["registration"] == list(found.record.scenarios)
    assert same(found.samples()["registration"], first)
    assert not found.complete


def test_a_finished_run_is_complete_and_one_cut_short_says_why(run):
    run.finish(Ended.COMPLETE)
    assert Run.load(run.folder).complete
    run.finish(Ended.BROKE_OFF, "the database went away after 311 samples")
    found = Run.load(run.folder)
    assert not found.complete
    assert found.record.why_incomplete == "the database went away after 311 samples"


def test_samples_come_back_as_they_were_measured_with_names_nobody_used(run):
    parts = {slug: some_samples(slug, seed=i, steps=(slug,)) for i, slug in enumerate(["b", "a"])}
    parts["certificate_upload"] = some_samples()
    for samples in parts.values():
        add(run, samples)
    run.save()
    found = Run.load(run.folder).samples()
    assert list(found) == list(parts)
    assert all(same(found[slug], parts[slug]) for slug in parts)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=9).filter(lambda s: s.isprintable()), st.integers(0, 30), min_size=1
    ),
    st.lists(st.text(min_size=1).filter(lambda s: s.isprintable()), min_size=1, unique=True),
)
def test_any_samples_round_trip(tmp_path, sizes, kinds):
    """Whatever the names (Δ, 東京, quotes), also with scenarios that measured nothing."""
    errors = ("", *(kind for kind in kinds if kind))
    written = {slug: some_samples(slug, n, seed=n, errors=errors) for slug, n in sizes.items()}
    write_samples(tmp_path / "samples.parquet", written)
    read = read_samples(tmp_path / "samples.parquet")
    assert list(read) == list(written)
    assert all(same(read[slug], written[slug]) for slug in written)


def test_pandas_reads_the_file_on_its_own_with_the_documented_columns(run):
    samples = some_samples()
    add(run, samples)
    run.save()
    frame = pd.read_parquet(run.samples_path)
    assert tuple(frame.columns) == COLUMNS
    assert {str(frame[name].dtype) for name in ("intended_ns", "started_ns", "ended_ns")} == {"int64"}
    ok = frame[(frame.step == "upload") & (frame.outcome == "ok")]
    assert np.array_equal((ok.ended_ns - ok.intended_ns).to_numpy() / 1e6, samples.response_ms("upload"))
    assert set(frame[frame.outcome == "error"].error) == {"Conflict"}
    pd.testing.assert_frame_equal(run.frame(), frame)


def test_hashes_name_the_bytes_on_disk(run):
    add(run, some_samples())
    raw = {"plans/0001-before-1.json", "blocks/001-baseline.parquet"}
    for name in raw:
        path = run.folder / name
        path.parent.mkdir()
        path.write_bytes(name.encode())
    run.save()
    files = Run.load(run.folder).record.files
    assert set(files) == {"samples.parquet", *raw}
    assert all(sha256_of(run.folder / name) == digest for name, digest in files.items())


def test_saving_a_loaded_run_leaves_its_raw_samples_alone(run):
    add(run, some_samples())
    run.save()
    before = (run.samples_path.stat().st_mtime_ns, run.samples_path.read_bytes())
    again = Run.load(run.folder)
    again.samples()
    again.put_exit_code(65)
    again.save()
    assert (run.samples_path.stat().st_mtime_ns, run.samples_path.read_bytes()) == before
    found = Run.load(run.folder).record
    assert found.exit_code == 65
    assert found.files["samples.parquet"] == sha256_of(run.samples_path)


def test_no_secret_reaches_the_folder(tmp_path):
    flags = {"runs_dir": str(tmp_path / "runs"), "database.dsn": "postgresql://guard:hunter22@db/arena"}
    config = load_config("smoke", environ={}, flags=flags)
    run = start(config, "tailguard", "run", "--dsn", flags["database.dsn"])
    run.finish(Ended.BROKE_OFF, "connection to postgresql://guard:hunter22@db/arena failed")
    assert "hunter22" not in str(run.record.command)
    assert not [path for path in run.folder.rglob("*") if path.is_file() and b"hunter22" in path.read_bytes()]


def test_what_is_known_only_after_a_scenario_is_put_into_its_entry(run):
    add(run, some_samples("registration"), "Registration")
    held = Invariant(name="nobody twice", held=True, expected="0", observed="0")
    run.put_invariants("registration", [held])
    run.put_counters("registration", {"retries": 3})
    run.put_database("registration", ServerTimeAbsent(why="not installed"))
    run.save()
    found = Run.load(run.folder).record.scenarios["registration"]
    assert (found.title, found.invariants, found.counters) == ("Registration", (held,), {"retries": 3})
    assert found.database == ServerTimeAbsent(why="not installed")


def test_a_run_is_judged_by_what_it_started_with_unless_it_is_judged_anew(config):
    first, second = (Objectives(items=(), rules={}, source=source) for source in ("first", "second"))
    run = Run.start(config, environment=describe_environment(Path.cwd()), objectives=first)
    run.put_verdicts([])
    assert run.record.objectives == first
    run.put_verdicts([], second)
    assert run.record.objectives == second


def test_a_run_is_found_by_folder_its_name_file_id_and_latest(run, config):
    runs_dir = config.runs_dir
    for where in (
        run.folder,
        run.folder.name,
        run.folder / "run.json",
        run.record.id,
        "latest",
        Path(runs_dir) / "latest",
    ):
        assert Run.load(where, runs_dir).folder == run.folder.resolve()


def test_latest_is_the_newest_and_moves_on(run, config):
    second = start(config)
    assert Run.load("latest", config.runs_dir).folder == second.folder.resolve()


def test_where_links_cannot_be_made_latest_is_a_file_with_the_name(run, config, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    point_latest(run.folder)
    assert (Path(config.runs_dir) / "latest").is_file()
    assert Run.load("latest", config.runs_dir).folder == run.folder.resolve()


def test_latest_survives_the_removal_of_the_run_it_points_to(run, config):
    link = Path(config.runs_dir) / "latest"
    link.unlink()
    link.symlink_to("20990101T000000Z-gone00")
    assert Run.load("latest", config.runs_dir).folder == run.folder.resolve()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b'{"schema": 1,', "is broken"),
        (b"\xff\xfe", "is broken"),
        (b"[]", "is broken"),
        (b'{"schema": 99}', "has schema 99, which a newer Tailguard reads; this one reads 2"),
    ],
)
def test_a_broken_record_is_named(run, content, named):
    (run.folder / "run.json").write_bytes(content)
    with pytest.raises(TailguardError, match=named):
        Run.load(run.folder)


def test_a_missing_run_is_named_with_the_next_step(tmp_path):
    with pytest.raises(UsageError, match=r"no run in .*empty yet. Make one with `tailguard run`"):
        Run.load("latest", tmp_path / "empty")
    with pytest.raises(UsageError, match="nowhere is not a run"):
        Run.load("nowhere", tmp_path)


@pytest.mark.parametrize("content", [b"<!doctype html>" * 1000, b"\xcc\xff", b"", b"run.json"])
def test_another_file_of_a_run_is_not_taken_for_one(run, content):
    (run.folder / "report.html").write_bytes(content)
    with pytest.raises(UsageError, match=r"report.html is not a run: .* Give a run's folder"):
        Run.load(run.folder / "report.html")


@pytest.mark.parametrize("content", [None, b"PAR1 but no more", b""])
def test_missing_or_broken_samples_are_named(run, content):
    if content is not None:
        run.samples_path.write_bytes(content)
    with pytest.raises(BrokenRunError, match=r"samples\.parquet (does not exist|is broken)"):
        run.samples()


def test_somebody_elses_parquet_is_not_taken_for_ours(run):
    some_samples().frame().to_parquet(run.samples_path)
    with pytest.raises(BrokenRunError, match="was not written by Tailguard"):
        run.samples()


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "taken").write_text("a file stands where the folder should", encoding="utf-8")
    config = load_config(environ={}, flags={"runs_dir": str(tmp_path / "taken")})
    with pytest.raises(UsageError, match=r"Cannot save the run in .*taken.*--set runs_dir=FOLDER"):
        start(config)


def test_a_file_for_a_user_that_cannot_be_written_is_named_and_no_file_of_theirs_is_touched(tmp_path):
    theirs = tmp_path / "download.part"
    theirs.write_text("half of a film", encoding="utf-8")
    (tmp_path / "taken.html").mkdir()
    with pytest.raises(UsageError, match=r"Cannot write .*taken\.html: Is a directory"):
        write_file(tmp_path / "taken.html", "a report")
    with pytest.raises(UsageError, match=r"Is .*nowhere there, writable and not full\?"):
        write_file(tmp_path / "nowhere" / "a.html", "a report")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["download.part", "taken.html"]


def test_what_a_proofs_clients_sent_is_kept_whole_and_hashed_with_the_run(run):
    run.write_live({"0001/baseline_writers": some_samples("0001/baseline_writers")})
    run.save()
    assert list(run.live_samples()) == ["0001/baseline_writers"]
    assert run.record.files["live.parquet"] == sha256_of(run.folder / "live.parquet")
    before = (run.folder / "live.parquet").read_bytes()
    with files_of_at_most(4096), pytest.raises(UsageError, match="File too large"):
        run.write_live({"0002/baseline_writers": some_samples("0002/baseline_writers", n=20_000)})
    assert (run.folder / "live.parquet").read_bytes() == before


@contextmanager
def files_of_at_most(size: int):
    """Let the kernel refuse what a full disk would refuse, in the same place; Python ignores its SIGXFSZ."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_fills_loses_nothing_that_was_saved(run):
    add(run, some_samples("first"))
    run.save()
    before = {path.name: path.read_bytes() for path in run.folder.iterdir()}
    add(run, some_samples("second", n=20_000))
    full = pytest.raises(UsageError, match=re.escape(f"in {run.folder}: File too large"))
    with files_of_at_most(4096), full:
        run.save()
    assert {path.name: path.read_bytes() for path in run.folder.iterdir()} == before
    assert list(Run.load(run.folder).samples()) == ["first"]

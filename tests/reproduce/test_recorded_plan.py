"""What a record must say to be played again, and what is refused because it cannot be had again."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tailguard.base.errors import UsageError
from tailguard.config.merge import load_config
from tailguard.config.suite_table import SuiteTable
from tailguard.engine.schedule import starts_sha256
from tailguard.pipeline.environment import describe_environment
from tailguard.pipeline.opened_suite import open_suite
from tailguard.pipeline.preparation import loads_of
from tailguard.record.objective import Objectives
from tailguard.record.run import Run
from tailguard.record.run_record import PlayedSuite, RunRecord
from tailguard.reproduce.recorded_plan import check_kind, check_starts, recorded_config
from tests.support.forgotten_modules import forgetting
from tests.support.runs_by_hand import entry_of, samples_of

FILE = """import tailguard as tg

@tg.scenario(rate="50/s", slo=["render p95 <= 500ms"])
def pages(it):
    it.step("render", sorted, range(100))
"""
DSN = "postgresql://me:hunter2@127.0.0.1/shop"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAILGUARD_CONFIG")
    (tmp_path / "perf_pages.py").write_text(FILE, encoding="utf-8")
    with forgetting(tmp_path):
        yield tmp_path


def recorded(folder: Path, **flags: object) -> RunRecord:
    """The record of a run that had one scenario, with its starts."""
    table = SuiteTable(folder / "tailguard.toml", scenarios=("perf_pages.py",), asked=("perf_pages.py",))
    config, suite = open_suite(load_config(suite=table, flags={"runs_dir": str(folder / "runs"), **flags}))
    run = Run.start(
        config,
        environment=describe_environment(config.folder),
        command=["tailguard", "run", "perf_pages.py"],
        objectives=Objectives(items=(), rules={}),
    )
    starts = starts_sha256(loads_of(config, suite)["pages"].schedule.starts_ns())
    entry = replace(entry_of(samples_of("pages", ["render"], [1.0])), starts_sha256=starts)
    return replace(Run.load(run.folder).record, scenarios={"pages": entry})


def played(record: RunRecord) -> PlayedSuite:
    return check_kind(record)[0]


def test_the_configuration_and_the_starts_are_those_of_then(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = recorded(folder, seed=11)
    monkeypatch.setenv("TAILGUARD_LOAD__RATE_PER_S", "7")
    (folder / "tailguard.toml").write_text("seed = 5\n", encoding="utf-8")
    config, suite = recorded_config(record, played(record), folder, {})
    assert (config.sha256, config.seed) == (record.config_sha256, 11)
    assert config.load_of("pages").rate_per_s == 50
    assert check_starts(record, config, suite) == []


@pytest.mark.parametrize("other", [{"seed": 12}, {"scenario.pages.rate_per_s": 51.0}])
def test_other_starts_are_refused(folder: Path, other: dict[str, int | float]) -> None:
    record = recorded(folder)
    config, suite = recorded_config(record, played(record), folder, other)
    with pytest.raises(UsageError, match=rf"The starts of pages are not those of run {record.id}"):
        check_starts(record, config, suite)


def test_a_closed_scenario_is_named(folder: Path) -> None:
    record = recorded(folder, **{"load.schedule": "closed"})
    config, suite = recorded_config(record, played(record), folder, {})
    [told] = check_starts(record, config, suite)
    assert told.startswith("the iterations of pages begin when a user is free")


def test_a_secret_is_taken_from_the_environment_or_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = recorded(folder, **{"database.dsn": DSN})
    with pytest.raises(UsageError, match=r"database\.dsn was a secret.*set it in the environment"):
        recorded_config(record, played(record), folder, {})
    monkeypatch.setenv("TAILGUARD_DATABASE__DSN", DSN)
    assert recorded_config(record, played(record), folder, {})[0].database.dsn == DSN


def test_a_value_that_the_suite_states_otherwise_now_is_named(folder: Path) -> None:
    record = recorded(folder)
    config = {**record.config.value, "load": {"rate_per_s": 50.0}}
    with pytest.raises(UsageError, match=r"load\.workers was None and is \d+"):
        recorded_config(replace(record, config=type(record.config)(config)), played(record), folder, {})


@pytest.mark.parametrize("words", [("tailguard", "duet"), ("pytest", "-m"), ("locust",)])
def test_a_run_of_another_command_is_refused(folder: Path, words: tuple[str, ...]) -> None:
    record = replace(recorded(folder), command=(*words, "and more"))
    with pytest.raises(UsageError, match=f"was made by `{' '.join((*words, 'and more')[:2])}`"):
        check_kind(record)


def test_a_record_that_names_no_suite_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="does not say which suite"):
        check_kind(replace(recorded(folder), suite=None))


@pytest.mark.parametrize(
    "suite",
    [
        PlayedSuite(file="../tailguard.toml"),
        PlayedSuite(file="tailguard.toml", scenarios=("../perf_evil.py",)),
        PlayedSuite(file="tailguard.toml", asked=("/tmp/perf_evil.py::pages",)),
    ],
)
def test_a_suite_outside_of_the_folder_is_refused(folder: Path, suite: PlayedSuite) -> None:
    with pytest.raises(UsageError, match=f"which is not in {folder}"):
        recorded_config(recorded(folder), suite, folder, {})

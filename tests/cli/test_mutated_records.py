"""Whatever somebody makes of a record, every command that reads it ends with one of its codes and no traceback."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from tailguard.base.errors import TailguardError
from tailguard.cli.main import run_cli
from tailguard.record.part import Json
from tailguard.record.run import Run
from tailguard.record.run_json import read_record
from tests.support.finished_runs import KINDS, finished_run
from tests.support.mutated import mutated

pytestmark = pytest.mark.system

# What was found once, each a change of a record that ended in a traceback.
FOUND: dict[str, tuple[str, Callable[[dict[str, Json]], object]]] = {
    "an objective without its limit": ("run", lambda it: it["objectives"]["items"][0].pop("limit_ms")),
    "a scenario that is judged by no rule": ("run", lambda it: it["objectives"].update(rules={})),
    "a step that only the samples have": ("run", lambda it: it["scenarios"]["upload"]["steps"].pop("put")),
    "a fault that was not made": ("chaos", lambda it: it["chaos"]["recoveries"][0].update(label="x")),
    "writes that take no time": (
        "proof",
        lambda it: [
            each["before"]["p50"].update(value=0.0) for each in it["migrations"][0]["cost"]["writes"].values()
        ],
    ),
    "builds that take no time": (
        "proof",
        lambda it: [each.update(seconds=0.0) for each in it["migrations"][0]["live"]["builds"]],
    ),
    "a removal that saves all of no bytes": (
        "removal",
        lambda it: it["migrations"][0]["cost"]["wal_bytes_per_row"].update(before=0.0, after=0.0),
    ),
    "a duet of one side": ("duet", lambda it: it["duet"]["sides"].pop("baseline")),
    "a month that is none": ("run", lambda it: it.update(created_utc="2026-99-99T99:99:99Z")),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    return {kind: finished_run(kind, tmp_path_factory.mktemp(kind)) for kind in KINDS}


@pytest.fixture(scope="module")
def documents(runs: dict[str, Run]) -> dict[str, Json]:
    return {kind: json.loads((run.folder / "run.json").read_text("utf-8")) for kind, run in runs.items()}


def refusal_of(run: Run) -> int:
    """Return the exit code of a record that cannot be read, 0 of any other."""
    try:
        read_record(run.folder / "run.json")
    except TailguardError as error:
        return error.exit_code
    return 0


def read_by_all(run: Run, text: bytes, *, page: bool = False) -> None:
    """Let every command read the run. One that is refused is refused by all of them alike, with 64 or 65."""
    (run.folder / "run.json").write_bytes(text)
    if refused := refusal_of(run):
        assert refused in (64, 65)
        assert run_cli(["verify", str(run.folder)]) == refused
        return
    folder, beside = str(run.folder), run.folder.parent
    (beside / "history.parquet").unlink(missing_ok=True)
    commands = [
        ["verify", folder],
        ["report", folder, "--format", "md"],
        ["export", folder, "--format", "all"],
        ["gate", folder, folder],
        ["history", "--runs-dir", str(beside)],
        *([["report", folder]] if page else []),
    ]
    for words in commands:
        assert run_cli(words) in (0, 64, 65, 75, 99), words


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_once(
    name: str, runs: dict[str, Run], documents: dict[str, Json], capsys: pytest.CaptureFixture[str]
) -> None:
    kind, change = FOUND[name]
    document = json.loads(json.dumps(documents[kind]))
    change(document)
    read_by_all(runs[kind], json.dumps(document).encode())
    assert "Traceback" not in capsys.readouterr().err


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def test_some_mutated_records(runs: dict[str, Run], documents: dict[str, Json]) -> None:
    @settings(max_examples=50, deadline=None, derandomize=True, database=None, suppress_health_check=QUIET)
    @given(mutated(documents))
    def reads(case: tuple[str, bytes]) -> None:
        read_by_all(runs[case[0]], case[1])

    reads()


@pytest.mark.proof
def test_ten_thousand_mutated_records(runs: dict[str, Run], documents: dict[str, Json]) -> None:
    seen = 0

    @settings(max_examples=10_000, deadline=None, suppress_health_check=QUIET)
    @given(mutated(documents))
    def reads(case: tuple[str, bytes]) -> None:
        nonlocal seen
        seen += 1
        read_by_all(runs[case[0]], case[1], page=seen % 50 == 0)

    reads()


def test_a_broken_run_never_stops_the_history_of_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finished_run("run", tmp_path)
    for number, text in enumerate(
        (b"", b"[]", b"{" * 100_000, b'{"schema": true}', b'{"schema": 1}', b"\xff" * 9)
    ):
        (folder := tmp_path / f"2026-{number}").mkdir()
        (folder / "run.json").write_bytes(text)
    assert run_cli(["history", "--runs-dir", str(tmp_path)]) == 0
    assert "1 runs, 1 of them new" in capsys.readouterr().out

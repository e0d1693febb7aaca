"""`tailguard gate`, through the installed command."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.counted import COUNTED

pytestmark = pytest.mark.system

ENVIRONMENT = COUNTED | {"PATH": "/usr/bin:/bin", "LANG": "C"}


def gate(*words: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tailguard", "gate", *words]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**ENVIRONMENT, **environ},
        check=False,
        encoding="utf-8",
    )


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Five files a side, the candidate's half as slow again."""
    rng = np.random.default_rng(1)
    for i in range(5):
        for side, factor in (("old", 1.0), ("new", 1.5)):
            np.savetxt(
                tmp_path / f"{side}{i}.txt",
                5 * factor * rng.lognormal(0, 0.3, 400),
                header="took_ms",
                comments="",
            )
    return tmp_path


def several(side: str) -> str:
    return ",".join(f"{side}{i}.txt" for i in range(5))


def test_five_files_a_side_are_decided(files: Path) -> None:
    found = gate(several("old"), several("new"), cwd=files)
    assert found.returncode == 99, found.stdout + found.stderr
    assert "FAIL          file p50 of latency: 5 against 5 runs" in found.stdout


def test_the_same_files_pass_as_json(files: Path) -> None:
    found = gate(several("old"), several("old"), "--json", cwd=files)
    record = json.loads(found.stdout)
    assert record["exit_code"] == found.returncode == 0
    assert {each["kind"] for each in record["comparisons"]} == {"change"}


def test_one_file_a_side_is_inconclusive(files: Path) -> None:
    alone = gate("old0.txt", "new0.txt", cwd=files)
    assert alone.returncode == 75
    assert "1 run per side could have shown a change of 29 %" in alone.stdout


def requests(path: Path, failed: float, names: tuple[str, ...] = ("GET /cart",)) -> str:
    """A request log of Locust: 400 requests a name, of which a share failed in a millisecond."""
    rng = np.random.default_rng(len(path.name))
    rows = [
        f"{i},{name.replace(' ', ',')},{1 if bad else 5 * rng.lognormal(0, 0.1):.3f},9,200,{'HTTP 500' if bad else ''}"
        for i in range(400)
        for name in names
        for bad in [i % 100 < failed * 100]
    ]
    header = "timestamp,request_type,name,response_time_ms,response_length,status_code,exception"
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return path.name


def test_errors_of_files_are_compared_too(tmp_path: Path) -> None:
    old, new = (
        ",".join(requests(tmp_path / f"{side}{i}.csv", failed) for i in range(5))
        for side, failed in (("old", 0.0), ("new", 0.5))
    )
    found = gate(old, new, cwd=tmp_path)
    assert found.returncode == 99, found.stdout + found.stderr
    assert "FAIL          file errors and refusals" in found.stdout
    assert "PASS          file p50" in found.stdout, "the quick failures are in no latency"


def test_each_name_of_a_file_is_compared_on_its_own_or_the_named_one(tmp_path: Path) -> None:
    names = ("GET /cart", "POST /pay")
    old, new = (
        ",".join(requests(tmp_path / f"{side}{i}.csv", 0.0, names) for i in range(5))
        for side in ("old", "new")
    )
    for name, compared in (
        ("", ["GET /cart", "POST /pay"]),
        ("POST /pay", ["POST /pay"]),
        ("*", ["latency"]),
    ):
        found = gate(old, new, *(["--name", name] if name else []), cwd=tmp_path)
        shown = [word for word in (*names, "latency") if f"p50 of {word}:" in found.stdout]
        assert shown == compared, found.stdout + found.stderr


def test_the_baseline_may_come_from_the_environment(files: Path) -> None:
    found = gate(several("new"), cwd=files, TAILGUARD_BASELINE=several("old"))
    assert found.returncode == 99


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["new0.txt"], "There is no baseline for 'new0.txt'"),
        (["lost.txt", "new0.txt"], "The baseline 'lost.txt' does not exist"),
        (["old0.txt", "2026-01-01"], "no run to compare with, the candidate: of 2026-01-01"),
        (["a", "b", "c"], "not 3 of them"),
        ([",", "new0.txt"], "names no run"),
    ],
)
def test_a_missing_side_is_an_error_never_a_skip(files: Path, words: list[str], said: str) -> None:
    found = gate(*words, cwd=files)
    assert found.returncode == 64
    assert said in found.stderr
    assert "Traceback" not in found.stderr

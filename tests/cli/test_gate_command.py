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


def test_one_file_a_side_is_inconclusive_unless_trusted_aloud(files: Path) -> None:
    alone = gate("old0.txt", "new0.txt", cwd=files)
    assert alone.returncode == 75
    assert "1 run a side could have shown a change of 29%" in alone.stdout
    trusted = gate("old0.txt", "new0.txt", "--trust-single-run", cwd=files)
    assert trusted.returncode == 99
    assert "WARNING: one run a side, trusted on request" in trusted.stderr


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

"""A run that another version wrote, through the installed command: refused with the version that reads it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.counted import COUNTED

pytestmark = pytest.mark.system

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def tailguard(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tailguard", *words],
        capture_output=True,
        cwd=cwd,
        env=COUNTED | {"PATH": "/usr/bin:/bin", "LANG": "C"},
        check=False,
        encoding="utf-8",
    )


def write_run(folder: Path, record: dict[str, Any]) -> str:
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return str(folder)


@pytest.mark.parametrize("command", ["gate", "report", "verify"])
@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"schema": 0}, "has schema 0, which an older Tailguard reads; this one reads 2"),
        ({"schema": 1}, "has schema 1, which Tailguard 0.1 reads; this one reads 2"),
        ({"schema": 3}, "has schema 3, which a newer Tailguard reads; this one reads 2"),
        ({}, "missing required field `schema`"),
    ],
)
def test_it_is_refused_with_its_number_ours_and_what_to_do(
    tmp_path: Path, command: str, schema: dict[str, int], said: str
) -> None:
    older = write_run(
        tmp_path / "old", schema | {"profile": "ci", "environment": {"git": {"commit": COMMIT}}}
    )
    found = tailguard(command, *([older, older] if command == "gate" else [older]), cwd=tmp_path)
    # Another version is the user's to choose; a record without one is broken.
    assert found.returncode == (64 if schema else 65), found.stdout + found.stderr
    assert said in found.stderr
    assert "easure again" in found.stderr
    assert "Traceback" not in found.stderr


def test_what_has_not_the_form_of_a_commit_is_not_repeated(tmp_path: Path) -> None:
    older = write_run(
        tmp_path / "old", {"schema": "x", "profile": "$(id)", "environment": {"git": {"commit": ";id"}}}
    )
    found = tailguard("report", older, cwd=tmp_path)
    assert found.returncode == 65
    assert "Measure again" in found.stderr
    assert "id)" not in found.stderr

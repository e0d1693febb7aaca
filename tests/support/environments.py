"""Environments of their own: what a stranger gets who installs the wheel beside what their project has."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What a measuring test says if others took the machine away from it.
BUSY = re.compile(r"^  why .*(starved|late) generator", re.MULTILINE)
LIMIT_S = 300  # installing everything into a new environment, on a busy machine


def run(*words: object, cwd: Path, code: int | None = 0) -> str:
    """Run a command that must end with `code`, None for any; returns what it said."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TAILGUARD_", "PYTHONPATH", "PYTEST_")) and name != "CI"
    }
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=clean,
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=LIMIT_S,
    )
    assert code is None or done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def built_wheel(folder: Path) -> Path:
    """Build the wheel into a folder."""
    run(sys.executable, "-m", "uv", "build", "--quiet", "--wheel", "--out-dir", folder, cwd=ROOT)
    [built] = folder.glob("*.whl")
    return built


def environment(place: Path, *packages: object) -> Path:
    """Make an environment with these packages; returns its folder of commands."""
    run(sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, place / "venv", cwd=place)
    python = place / "venv" / "bin" / "python"
    run(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python, *packages, cwd=place)
    return python.parent

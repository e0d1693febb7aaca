"""A duet of this repository's own commits, run from an editable install of a clone: PASS never comes from one code."""

import os
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

from tailguard.base.state import State
from tailguard.record.run import Run
from tailguard.record.verdict import ChangeVerdict
from tests.support.repository import git

pytestmark = pytest.mark.proof

ROOT = Path(__file__).resolve().parents[2]
SMALL = (
    *("--scenario", "registration", "--pairs", "12", "--set", "load.max_samples=30"),
    *("--set", "load.min_samples=30", "--set", "load.warmup=5"),
)
LOCKS = "self._lock(connection, tournament_id)"


# What an exact editable install puts beside a project's metadata (dev-mode-exact in pyproject.toml).
FINDER = """
from editables.redirector import RedirectingFinder as F
F.install()
F.map_module("tailguard", "{clone}/tailguard/__init__.py")
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone, and a Python that has it as an editable install would."""
    folder = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    venv.create(tmp_path / "venv", with_pip=False)
    [packages] = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    (packages / "editable_clone.py").write_text(FINDER.format(clone=folder), encoding="utf-8")
    requirements = sysconfig.get_path("purelib")
    (packages / "editable_clone.pth").write_text(f"{requirements}\nimport editable_clone\n", encoding="utf-8")
    return folder


def duet(clone: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    python = clone.parent / "venv" / "bin" / "python"
    unset = dict.fromkeys(("TAILGUARD_BASELINE", "TAILGUARD_CONFIG", "PYTHONPATH"), "")
    return subprocess.run(
        [python, "-P", "-m", "tailguard", "duet", *words, *SMALL],
        capture_output=True,
        cwd=clone,
        env={**os.environ, **unset},
        check=False,
        encoding="utf-8",
    )


def median_change(clone: Path) -> ChangeVerdict:
    """Return what the latest duet says of the median."""
    [found] = [
        each
        for each in Run.load("latest", clone / "runs").record.verdicts
        if isinstance(each, ChangeVerdict) and (each.step, each.q) == ("register", 0.5)
    ]
    return found


def commit_slower(clone: Path) -> None:
    """Let HEAD take 20 ms more for each registration, which takes 2 ms."""
    path = clone / "reference" / "registrations.py"
    code = path.read_text(encoding="utf-8")
    assert code.count(LOCKS) == 1
    code = code.replace(LOCKS, f"{LOCKS}\n            time.sleep(0.02)").replace(
        "from data", "import time\nfrom data"
    )
    path.write_text(code, encoding="utf-8")
    git(clone, "commit", "-q", "-a", "-m", "slower")


def test_the_same_commit_never_fails(clone: Path) -> None:
    found = duet(clone, "--baseline-ref", "HEAD")
    assert found.returncode in {0, 75}, found.stdout + found.stderr


def test_a_slower_commit_fails_and_its_parent_is_faster_than_it(clone: Path) -> None:
    commit_slower(clone)
    found = duet(clone, "--baseline-ref", "HEAD~1")
    assert found.returncode == 99, found.stdout + found.stderr
    assert median_change(clone).state is State.FAIL
    found = duet(clone, "--baseline-ref", "HEAD", "--candidate-ref", "HEAD~1")
    assert found.returncode in {0, 75}, found.stdout + found.stderr
    change = median_change(clone)
    assert change.state is State.PASS
    assert change.change is not None
    assert change.change < -0.5


def test_a_platform_that_is_served_is_each_sides_own(clone: Path) -> None:
    commit_slower(clone)
    found = duet(clone, "--baseline-ref", "HEAD~1", "--set", "platform=http")
    assert found.returncode == 99, found.stdout + found.stderr
    assert median_change(clone).state is State.FAIL


def test_a_commit_without_the_platform_is_refused_with_its_reason(clone: Path) -> None:
    """As the commits before `reference/` are."""
    git(clone, "rm", "-q", "-r", "--cached", "reference")
    git(clone, "commit", "-q", "-m", "before the platform")
    found = duet(clone, "--baseline-ref", "HEAD")
    assert found.returncode == 64, found.stdout + found.stderr
    assert "baseline (HEAD at" in found.stderr
    assert "No module named 'reference'" in found.stderr
    assert "pair 1" not in found.stderr

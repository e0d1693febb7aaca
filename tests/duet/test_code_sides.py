"""A duet between two commits of a small project, through the installed command: whose code is measured on each side."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tailguard.base.state import State
from tailguard.record.duet import Duet
from tailguard.record.run import Run
from tailguard.record.run_record import RunRecord
from tests.support.repository import git

pytestmark = pytest.mark.system

TAILGUARD = str(Path(sys.executable).with_name("tailguard"))
SCENARIO = """
import tailguard as tg
from shop import price

@tg.scenario(steps=["price"])
def buy(it: tg.Iteration) -> None:
    it.step("price", price)
"""
SHOP = """
import time

def price() -> None:
    time.sleep({seconds})
"""
SMALL = (
    *("--pairs", "12", "--set", "load.max_samples=30", "--set", "load.min_samples=30"),
    *("--set", "load.warmup=2"),
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a suite and a shop whose price takes 2 ms."""
    folder = tmp_path / "project"
    (folder / "scenarios").mkdir(parents=True)
    (folder / "tailguard.toml").write_text('[suite]\nscenarios = ["scenarios"]\n', encoding="utf-8")
    (folder / "scenarios" / "buy.py").write_text(SCENARIO, encoding="utf-8")
    (folder / ".gitignore").write_text("runs\n__pycache__\n", encoding="utf-8")
    (folder / "shop.py").write_text(SHOP.format(seconds=0.002), encoding="utf-8")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "a shop")
    return folder


def commit_without_shop(project: Path) -> None:
    """Let HEAD have no shop; the work tree has it."""
    git(project, "rm", "-q", "--cached", "shop.py")
    git(project, "commit", "-q", "-m", "before the shop")


def duet(project: Path, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [TAILGUARD, "duet", *words, *SMALL],
        capture_output=True,
        cwd=project,
        env={**os.environ, "TAILGUARD_BASELINE": "", "TAILGUARD_CONFIG": "", **environ},
        check=False,
        encoding="utf-8",
    )


def latest(project: Path) -> tuple[RunRecord, Duet]:
    record = Run.load("latest", project / "runs").record
    assert record.duet is not None
    return record, record.duet


def test_each_side_measures_its_own_code(project: Path) -> None:
    """The work tree takes five times as long as its commit; that it is on the path of both changes nothing."""
    (project / "shop.py").write_text(SHOP.format(seconds=0.010), encoding="utf-8")
    found = duet(project, "--baseline-ref", "HEAD", PYTHONPATH=str(project))
    assert found.returncode == 99, found.stdout + found.stderr
    record, _ = latest(project)
    verdict = next(each for each in record.verdicts if each.name.startswith("buy p50 of price"))
    assert verdict.state is State.FAIL
    assert "baseline: HEAD at" in found.stderr
    assert "candidate: project at" in found.stderr


def test_a_commit_that_lacks_what_the_suite_imports_is_refused_before_anything_is_measured(
    project: Path,
) -> None:
    commit_without_shop(project)
    found = duet(project, "--baseline-ref", "HEAD")
    assert found.returncode == 64, found.stdout + found.stderr
    assert "baseline (HEAD at" in found.stderr
    assert f"{project}/scenarios/buy.py, line 3" in found.stderr
    assert "No module named 'shop'" in found.stderr
    assert "compare with a commit that has what the suite imports" in found.stderr
    assert "Traceback" not in found.stderr
    assert latest(project)[1].blocks == ()


def test_a_module_that_comes_from_the_project_itself_makes_the_side_invalid(project: Path) -> None:
    """As from a plain editable install: whatever a side lacks would be the work tree's."""
    commit_without_shop(project)
    found = duet(project, "--baseline-ref", "HEAD", PYTHONPATH=str(project))
    assert found.returncode == 65, found.stdout + found.stderr
    assert f"the module shop was loaded from {project}/shop.py, not from the side's folder" in found.stderr
    assert latest(project)[1].blocks == ()


def test_a_suite_that_calls_nothing_of_a_side_makes_it_invalid(project: Path) -> None:
    git(project, "mv", "shop.py", "scenarios/_shop.py")
    scenario = SCENARIO.replace("from shop", "from scenarios._shop")
    (project / "scenarios" / "buy.py").write_text(scenario, encoding="utf-8")
    found = duet(project, "--baseline-ref", "HEAD")
    assert found.returncode == 65, found.stdout + found.stderr
    assert "no module was loaded from the side's folder" in found.stderr

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


def in_subfolder(project: Path) -> Path:
    """Move all of the project into services/shop, with its code in src/ there; returns that folder."""
    inner = project / "services" / "shop"
    (inner / "src").mkdir(parents=True)
    for name in ("tailguard.toml", "scenarios"):
        git(project, "mv", name, f"services/shop/{name}")
    git(project, "mv", "shop.py", "services/shop/src/shop.py")
    git(project, "commit", "-q", "-m", "move")
    return inner


@pytest.mark.proof
def test_a_file_of_scenarios_alone_is_enough_and_its_rows_come_with_it(project: Path) -> None:
    """No tailguard.toml, and a scenario file that the baseline does not have."""
    git(project, "rm", "-q", "-r", "tailguard.toml", "scenarios")
    git(project, "commit", "-q", "-m", "no suite")
    scenario = SCENARIO.replace("buy(it: tg.Iteration)", "buy(it: tg.Iteration, word)").replace(
        "@tg", 'word = tg.rows("words.csv", use="cycle")\n\n@tg'
    )
    (project / "perf_shop.py").write_text(scenario, encoding="utf-8")
    (project / "words.csv").write_text("word\nshoes\n", encoding="utf-8")
    (project / "shop.py").write_text(SHOP.format(seconds=0.010), encoding="utf-8")
    found = duet(project, "perf_shop.py", "--baseline-ref", "HEAD")
    assert found.returncode == 99, found.stdout + found.stderr


@pytest.mark.proof
def test_one_scenario_of_a_file_may_be_asked_for(project: Path) -> None:
    other = SCENARIO.replace("buy", "sell").replace('"price"', '"other"')
    (project / "scenarios" / "sell.py").write_text(other, encoding="utf-8")
    (project / "shop.py").write_text(SHOP.format(seconds=0.010), encoding="utf-8")
    found = duet(project, "scenarios/sell.py::sell", "--baseline-ref", "HEAD")
    assert found.returncode == 99, found.stdout + found.stderr
    assert list(latest(project)[0].scenarios) == ["sell"]


@pytest.mark.proof
def test_a_suite_below_the_repositorys_top_finds_each_sides_code_beside_it_and_in_src(project: Path) -> None:
    inner = in_subfolder(project)
    (inner / "src" / "shop.py").write_text(SHOP.format(seconds=0.010), encoding="utf-8")
    found = duet(inner, "--baseline-ref", "HEAD", PYTHONPATH=str(inner / "src"))
    assert found.returncode == 99, found.stdout + found.stderr


def test_a_shallow_clone_is_told_how_to_get_the_commit(project: Path, tmp_path: Path) -> None:
    (project / "more").touch()
    git(project, "add", "more")
    git(project, "commit", "-q", "-m", "more")
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{project}", "shallow")
    found = duet(tmp_path / "shallow", "--baseline-ref", "HEAD~1")
    assert found.returncode == 64
    assert "'HEAD~1' is not a commit" in found.stderr
    assert "This clone is shallow" in found.stderr
    assert "fetch-depth: 0" in found.stderr

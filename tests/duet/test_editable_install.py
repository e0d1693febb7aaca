"""A duet of a project that is installed in editable mode, from src/, in an environment of its own."""

from pathlib import Path

import pytest

from tests.support.environments import built_wheel, environment, run
from tests.support.repository import git

pytestmark = pytest.mark.proof

PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "shop"
version = "1"
"""
SCENARIO = """
import tailguard as tg
from shop.prices import price

@tg.scenario(steps=["price"])
def buy(it):
    it.step("price", price)
"""
PRICES = "import time\n\ndef price():\n    time.sleep({seconds})\n"
SMALL = ("--pairs", "12", "--set", "load.max_samples=30", "--set", "load.min_samples=30")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose price takes 2 ms in its commit and 10 ms in the work tree."""
    (tmp_path / "src" / "shop").mkdir(parents=True)
    (tmp_path / "src" / "shop" / "__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (tmp_path / "perf_shop.py").write_text(SCENARIO, encoding="utf-8")
    (tmp_path / ".gitignore").write_text("runs\n*.egg-info\n__pycache__\n", encoding="utf-8")
    git(tmp_path, "init", "-q", "-b", "main")
    for seconds in (0.002, 0.010):
        (tmp_path / "src" / "shop" / "prices.py").write_text(PRICES.format(seconds=seconds), encoding="utf-8")
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-q", "-m", f"{seconds} s")
    return tmp_path


def test_each_side_imports_its_own_code_and_what_one_lacks_is_not_taken_from_the_installed_one(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    commands = environment(
        tmp_path_factory.mktemp("environment"), built_wheel(tmp_path_factory.mktemp("wheel")), "-e", project
    )
    duet = (commands / "tailguard", "duet", "perf_shop.py", "--baseline-ref")
    run(*duet, "HEAD~1", *SMALL, cwd=project, code=99)
    git(project, "checkout", "-q", "--orphan", "empty")
    git(project, "rm", "-q", "-r", "--cached", "src")
    git(project, "commit", "-q", "-m", "without a shop")
    said = run(*duet, "HEAD", *SMALL, cwd=project, code=65)
    assert (
        f"the module shop was loaded from {project}/src/shop/__init__.py, not from the side's folder" in said
    )

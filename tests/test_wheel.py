"""The wheel: one name in site-packages, a neighbour of any project, with an example to begin with."""

import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.support.environments import LIMIT_S, built_wheel, environment, run

pytestmark = pytest.mark.system

PARTS = {"perf", "scenarios", "slo", "reports", "migrations_sql", "reference", "tailguard.toml"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel in it; returns its folder of commands."""
    return environment(tmp_path_factory.mktemp("environment"), wheel)


def test_its_only_top_level_name_is_tailguard(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"tailguard"}
    shipped = {name.split("/")[3] for name in names if name.startswith("tailguard/examples/deltacrown/")}
    assert shipped == PARTS
    assert not [name for name in names if "__pycache__" in name]


def test_beside_a_project_with_packages_of_the_suites_names_both_work(
    installed: Path, tmp_path: Path
) -> None:
    for name in ("perf", "slo", "scenarios", "reports"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"MINE = {name!r}\n", encoding="utf-8")
    (tmp_path / "test_mine.py").write_text(
        "import perf, slo, scenarios, reports\n\n\ndef test_mine():\n    assert slo.MINE == 'slo'\n",
        encoding="utf-8",
    )
    assert "1 passed" in run(installed / "python", "-m", "pytest", "-q", cwd=tmp_path)
    assert run(installed / "tailguard", "--version", cwd=tmp_path).startswith("tailguard, version")


def test_in_an_empty_folder_a_run_says_how_to_begin(installed: Path, tmp_path: Path) -> None:
    assert "tailguard init --example deltacrown" in run(installed / "tailguard", "run", cwd=tmp_path, code=64)


def test_the_example_is_written_once_and_knows_itself(installed: Path, tmp_path: Path) -> None:
    told = run(installed / "tailguard", "init", "--example", "deltacrown", cwd=tmp_path)
    assert "tailguard run" in told
    assert {path.name for path in tmp_path.iterdir()} == PARTS
    assert "17 of 17 objectives can be decided" in run(installed / "tailguard", "slo", "lint", cwd=tmp_path)
    again = run(installed / "tailguard", "init", "--example", "deltacrown", cwd=tmp_path, code=64)
    assert "is there already" in again
    found = run(installed / "python", "-c", "import tailguard; print(tailguard.__file__)", cwd=tmp_path)
    assert str(installed.parent) in found, "no clone on the path"


@pytest.mark.proof
def test_the_example_is_measured_judged_and_reported(installed: Path, tmp_path: Path) -> None:
    run(installed / "tailguard", "init", "--example", "deltacrown", cwd=tmp_path)
    done = subprocess.run([installed / "tailguard", "run"], cwd=tmp_path, check=False, timeout=LIMIT_S)
    assert done.returncode in {0, 65, 75}
    assert (tmp_path / "runs" / "latest" / "report.html").is_file()

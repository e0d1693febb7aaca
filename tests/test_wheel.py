"""The wheel: one name in site-packages, a neighbour of any project, with an example to begin with."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

ROOT = Path(__file__).resolve().parent.parent
PARTS = {"perf", "scenarios", "slo", "reports", "migrations_sql", "reference", "tailguard.toml"}
LIMIT_S = 300  # installing everything into a new environment, on a busy machine


def run(*words: object, cwd: Path, code: int = 0) -> str:
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("TAILGUARD_", "PYTHONPATH"))
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
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "uv", "build", "--quiet", "--wheel", "--out-dir", folder, cwd=ROOT)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel in it; returns its folder of commands."""
    place = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, place / "venv", cwd=place)
    python = place / "venv" / "bin" / "python"
    run(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python, wheel, cwd=place)
    return python.parent


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

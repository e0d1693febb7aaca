"""The wheel: one name in site-packages, a neighbour of any project, with an example to begin with."""

import subprocess
import zipfile
from pathlib import Path

import pytest

from tailguard.record.run import Run
from tests.support.busy_machine import undisturbed
from tests.support.environments import LIMIT_S, built_wheel, environment, run
from tests.support.repository import git

pytestmark = pytest.mark.system

PARTS = {"perf", "scenarios", "slo", "reports", "migrations_sql", "reference", "tailguard.toml"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel alone, without any of its extras, beside a project's own pytest; returns the folder of commands."""
    return environment(tmp_path_factory.mktemp("bare"), wheel, "pytest")


@pytest.fixture(scope="module")
def whole(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel with all of its extras."""
    return environment(tmp_path_factory.mktemp("whole"), f"{wheel}[all]")


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


def test_the_example_is_written_once_and_knows_itself(whole: Path, tmp_path: Path) -> None:
    told = run(whole / "tailguard", "init", "--example", "deltacrown", cwd=tmp_path)
    assert "tailguard run" in told
    assert {path.name for path in tmp_path.iterdir()} == PARTS
    assert "17 of 17 objectives can be decided" in run(whole / "tailguard", "slo", "lint", cwd=tmp_path)
    again = run(whole / "tailguard", "init", "--example", "deltacrown", cwd=tmp_path, code=64)
    assert "is there already" in again
    found = run(whole / "python", "-c", "import tailguard; print(tailguard.__file__)", cwd=tmp_path)
    assert str(whole.parent) in found, "no clone on the path"


@pytest.mark.proof
def test_the_example_is_measured_judged_and_reported(whole: Path, tmp_path: Path) -> None:
    run(whole / "tailguard", "init", "--example", "deltacrown", cwd=tmp_path)
    done = subprocess.run([whole / "tailguard", "run"], cwd=tmp_path, check=False, timeout=LIMIT_S)
    assert done.returncode in {0, 65, 75}
    assert (tmp_path / "runs" / "latest" / "report.html").is_file()


SCENARIO = """
import time
import tailguard as tg
from shop import price

@tg.scenario(slo=["price p95 <= 20s"])
def buy(it: tg.Iteration):
    it.step("price", price)
"""


def test_a_scenario_file_runs_on_the_wheel_alone_and_its_report_says_how_to_have_charts(
    installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "shop.py").write_text("import time\ndef price(): time.sleep(0.002)\n", encoding="utf-8")
    (tmp_path / "perf_shop.py").write_text(SCENARIO, encoding="utf-8")
    told = run(installed / "tailguard", "run", "perf_shop.py", cwd=tmp_path, code=None)
    record = Run.load("latest", tmp_path / "runs").record
    assert undisturbed(record).deserved_exit_code == 0, told
    assert "All 2 objectives are met" in told or record.exit_code != 0
    page = (tmp_path / "runs" / "latest" / "report.html").read_text(encoding="utf-8")
    assert "pip install &#39;tailguard[report]&#39;" in page
    for command in (["verify"], ["history"], ["gate", "latest", "latest"], ["slo", "suggest", "latest"]):
        done = subprocess.run(
            [installed / "tailguard", *command], cwd=tmp_path, check=False, capture_output=True
        )
        assert done.returncode in {0, 75, record.exit_code}, (command, done.stderr)


def test_a_part_that_is_not_there_is_named_with_the_command_that_adds_it(
    installed: Path, tmp_path: Path
) -> None:
    needs = SCENARIO.replace("buy(it: tg.Iteration)", "buy(it: tg.Iteration, s3)").replace("from shop", "#")
    (tmp_path / "perf_shop.py").write_text(needs.replace("price)", "time.sleep, 0)"), encoding="utf-8")
    assert "pip install 'tailguard[s3]'" in run(
        installed / "tailguard", "run", "perf_shop.py", cwd=tmp_path, code=64
    )
    run(installed / "tailguard", "init", "--example", "deltacrown", cwd=tmp_path)
    told = run(installed / "tailguard", "run", cwd=tmp_path, code=64)
    assert "pip install 'tailguard[example]'" in told


@pytest.mark.proof
def test_a_duet_shadows_an_editable_install_of_a_src_layout(installed: Path, tmp_path: Path) -> None:
    """As `pip install -e .` leaves it: a file of the environment's that puts the project's src/ on the path."""
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    (project / "perf_shop.py").write_text(SCENARIO, encoding="utf-8")
    shop = "import time\ndef price(): time.sleep({})\n"
    (project / "src" / "shop.py").write_text(shop.format(0.002), encoding="utf-8")
    (project / ".gitignore").write_text("runs\n__pycache__\n", encoding="utf-8")
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "a shop"]):
        git(project, *words)
    (project / "src" / "shop.py").write_text(shop.format(0.012), encoding="utf-8")
    [packages] = installed.parent.glob("lib/python*/site-packages")
    editable = packages / "__editable__.shop.pth"
    editable.write_text(f"{project / 'src'}\n", encoding="utf-8")
    small = ["--pairs", "12", "--set", "load.max_samples=30", "--set", "load.min_samples=30"]
    duet = [installed / "tailguard", "duet", "perf_shop.py", "--baseline-ref", "HEAD", *small]
    try:
        run(*duet, cwd=project, code=99)
        git(project, "rm", "-q", "--cached", "src/shop.py")
        git(project, "commit", "-q", "-m", "before the shop")
        told = run(*duet, cwd=project, code=65)
        assert f"the module shop was loaded from {project}/src/shop.py, not from the side's folder" in told
    finally:
        editable.unlink()

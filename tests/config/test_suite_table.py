"""A suite's file is the nearest one upwards, and one that does not speak of Tailguard is none."""

import pytest

from tailguard.config.suite_table import SuiteTable, nearest_file


def test_the_nearest_suite_file_upwards_is_the_suites(tmp_path):
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    project = tmp_path / "pyproject.toml"
    project.write_text("[tool.tailguard]\n")
    assert nearest_file(deep) == nearest_file(tmp_path) == project
    (tmp_path / "a" / "tailguard.toml").touch()
    assert nearest_file(deep) == tmp_path / "a" / "tailguard.toml"


def test_a_project_file_that_does_not_speak_of_us_is_none(tmp_path):
    for text in ("[tool.ruff]\n", "not [ toml"):
        (tmp_path / "pyproject.toml").write_text(text)
        assert nearest_file(tmp_path) is None


@pytest.mark.parametrize(
    ("scenarios", "files"),
    [
        (["scenarios/deep"], ["perf/rows.csv", "perf/world.py", "scenarios/deep/buy.py"]),
        (["buy.py"], ["buy.py", "perf/rows.csv", "perf/world.py"]),
        (["."], ["buy.py", "perf/rows.csv", "perf/world.py"]),
    ],
)
def test_a_suite_consists_of_the_packages_and_modules_that_it_names(tmp_path, scenarios, files):
    for name in ("buy.py", "perf/rows.csv", "perf/world.py", "scenarios/deep/buy.py", "shop/price.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    suite = SuiteTable(tmp_path / "tailguard.toml", scenarios=tuple(scenarios), fixtures=("perf.world",))
    assert [path.relative_to(tmp_path).as_posix() for path in suite.files] == files

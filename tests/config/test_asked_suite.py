"""A command may name files, folders or modules of scenarios: their suite is the one that they lie in."""

import pytest

from tailguard.base.errors import UsageError
from tailguard.config.asked_suite import asked_suite


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "perf").mkdir()
    (tmp_path / "perf" / "search.py").touch()
    return tmp_path


@pytest.mark.parametrize("name", ["perf/search.py", "perf.search"])
def test_a_file_or_module_alone_is_a_suite_whose_root_is_its_folder(project, name):
    suite = asked_suite([name])
    assert (suite.root, suite.existing_file) == (project / "perf", None)
    assert (suite.scenarios, suite.asked) == (("search.py",), ("search.py",))


def test_the_nearest_configuration_file_above_a_file_is_its_suites(project):
    (project / "tailguard.toml").write_text(
        "[suite]\nscenarios = ['perf']\nfixtures = ['shop']", encoding="utf-8"
    )
    suite = asked_suite(["perf/search.py::find"])
    assert (suite.root, suite.fixtures) == (project, ("shop",))
    assert suite.asked == ("perf/search.py::find",)


def test_a_pyproject_without_a_suite_is_the_root_all_the_same(project):
    (project / "pyproject.toml").write_text("[tool.tailguard]\nseed = 3", encoding="utf-8")
    assert asked_suite(["perf"]).root == project


def test_what_is_not_there_or_lies_elsewhere_is_refused(project, tmp_path_factory):
    with pytest.raises(UsageError, match=r"no file, folder or module 'serach.py'"):
        asked_suite(["serach.py"])
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "buy.py"
    elsewhere.touch()
    with pytest.raises(UsageError, match="is not inside"):
        asked_suite(["perf/search.py", str(elsewhere)])

"""A project of somebody's, whose tests ask the fixture `slo`."""

import math
from shutil import rmtree
from textwrap import dedent

import pytest

# A project's pytest in this process forgets what it imported, and NumPy cannot be imported twice.
import tailguard.pytest_plugin.comparing
import tailguard.pytest_plugin.measuring
import tailguard.pytest_plugin.summary
import tailguard.report.report  # noqa: F401
from tailguard.record.run import Run
from tailguard.trust import machine_doubts, scenario_doubts
from tests.support import shop_in_git


class Project:
    """A folder with tests; `test` runs pytest there as its owner would, `run` is what was measured."""

    def __init__(self, pytester):
        self.pytester, self.path = pytester, pytester.path

    def write(self, **files):
        """Write Python files by their names without the ending."""
        for name, text in files.items():
            (self.path / f"{name}.py").write_text(dedent(text), encoding="utf-8")
        return self

    def test(self, *options, tests=None):
        """Write `tests` as test_shop.py and run pytest in this process; returns pytest's result."""
        rmtree(self.path / "runs", ignore_errors=True)
        return self.pytester.runpytest_inprocess(*self._words(options, tests))

    def test_apart(self, *options, tests=None):
        """As `test`, in a process of its own."""
        return self.pytester.runpytest_subprocess(*self._words(options, tests))

    def _words(self, options, tests):
        if tests is not None:
            self.write(test_shop=f"import time\nimport pytest\nimport tailguard as tg\n{dedent(tests)}")
        return "-p", "no:locust", "-p", "no:cacheprovider", *options

    @property
    def run(self):
        [folder] = (self.path / "runs").glob("2*")
        return Run.load(folder)


@pytest.fixture
def project(pytester, monkeypatch):
    """An empty project, of which neither this repository's suite nor CI's variable is known."""
    for name in ("TAILGUARD_CONFIG", "CI", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):
        monkeypatch.delenv(name, raising=False)
    # Whatever else this machine does: what a busy one makes of a run is for tests/trust to say.
    for module, name in (
        (machine_doubts, "GRAVE_WAITING"),
        (scenario_doubts, "GRAVE_MEDIAN_LATENESS_MS"),
        (scenario_doubts, "GRAVE_P99_LATENESS_MS"),
    ):
        monkeypatch.setattr(module, name, math.inf)
    return Project(pytester)


@pytest.fixture
def shop(project):
    """A project in git whose price takes 0.3 ms, below src/."""
    shop_in_git.begin(project)
    return project

"""The guards of a suite end as a run does: its report is written, pytest says where, run.json has the exit code."""

import pytest

pytestmark = pytest.mark.system

pytest_plugins = ["pytester"]

SUITE = """
[suite]
scenarios = ["journeys"]
report = ["own:section"]

[load]
min_samples = 50

[scenario.sort.slo]
"sort p95" = "<= {limit}"
"""


@pytest.fixture
def guarded(project):
    """Run the guards of a suite of one scenario, which takes microseconds, on this limit."""

    def run_guards(limit):
        (project.path / "journeys").mkdir()
        (project.path / "tailguard.toml").write_text(SUITE.format(limit=limit), encoding="utf-8")
        (project.path / "journeys" / "sort.py").write_text(
            "import tailguard as tg\n\n"
            "@tg.scenario(users=1)\n"
            "def sort(it: tg.Iteration):\n"
            "    it.step('sort', sorted, range(100))\n",
            encoding="utf-8",
        )
        project.write(
            own="def section(record):\n    return f'section of {record.id}'\n",
            test_guards="from tailguard.guards import *\n",
        )
        return project.test("-m", "performance", "--slo-profile=smoke")

    return run_guards


@pytest.mark.parametrize(("limit", "exit_code", "state"), [("2s", 0, "PASS"), ("1ns", 99, "FAIL")])
def test_the_guards_write_the_report_say_where_and_fill_the_exit_code(
    guarded, project, limit, exit_code, state
):
    done = guarded(limit)
    done.stdout.fnmatch_lines(
        [
            f"2 objectives: *1 {state}*" if exit_code else "2 objectives: 2 PASS",
            f"Report: {project.run.folder}/report.html *",
        ]
    )
    assert project.run.record.exit_code == exit_code
    page = (project.run.folder / "report.html").read_text("utf-8")
    assert f"section of {project.run.record.id}" in page

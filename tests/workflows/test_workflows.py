"""The workflows and the action: pinned, without permissions that nobody asked for, and all they do is tested."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SCRIPTS = re.compile(r"\.ci/(\w+)")


def steps(path: Path) -> list[dict[str, str]]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    jobs = document["jobs"].values() if "jobs" in document else [document["runs"]]
    return [step for job in jobs for step in job["steps"]]


COMMANDS = [
    step["run"] for path in (*WORKFLOWS, ROOT / "action.yml") for step in steps(path) if "run" in step
]
CALLED = sorted({name for command in COMMANDS for name in SCRIPTS.findall(command)})


def test_every_action_of_a_workflow_is_pinned_by_hash() -> None:
    used = [step["uses"] for path in WORKFLOWS for step in steps(path) if "uses" in step]
    assert used
    loose = [each for each in used if each != "./" and not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", each)]
    assert loose == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_starts_without_permissions(workflow: Path) -> None:
    assert yaml.safe_load(workflow.read_text(encoding="utf-8"))["permissions"] == {}


def test_a_command_of_more_than_two_lines_is_a_script() -> None:
    """No workflow runs here; a script does."""
    assert [command for command in COMMANDS if len(command.strip().splitlines()) > 2] == []


@pytest.mark.parametrize("name", CALLED)
def test_a_test_runs_each_script_that_a_workflow_calls(name: str) -> None:
    assert (ROOT / ".ci" / name).stat().st_mode & 0o111
    tests = Path(__file__).with_name("test_ci_scripts.py").read_text(encoding="utf-8")
    assert f'ci("{name}"' in tests


def test_what_may_write_comments_runs_no_code_of_the_pull_request() -> None:
    [checkout] = [
        step
        for step in steps(ROOT / ".github" / "workflows" / "performance.yml")
        if step.get("with", {}).get("ref")
    ]
    assert checkout["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"

"""What GitLab's merge requests and code scanning are given: each verdict that is not PASS, by the published rules."""

import json

import jsonschema
import pytest
from msgspec.structs import replace

from tailguard.base.state import State
from tailguard.record.part import Json
from tailguard.record.run import Run
from tailguard.record.run_record import PlayedSuite
from tailguard.report.export_formats import exported
from tests.support.made_run import with_scenario, with_verdict
from tests.support.sarif import only_run

TEXT: dict[str, Json] = {"type": "string", "minLength": 1}


def closed(required: list[str], **properties: Json) -> Json:
    return {
        "type": "object",
        "required": [*required],
        "properties": properties,
        "additionalProperties": False,
    }


# https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
ISSUE = closed(
    ["description", "check_name", "fingerprint", "severity", "location"],
    description=TEXT,
    check_name=TEXT,
    fingerprint=TEXT,
    severity={"enum": ["info", "minor", "major", "critical", "blocker"]},
    location=closed(
        ["path", "lines"],
        path={"type": "string", "pattern": r"^(?!\.?/)."},
        lines=closed(["begin"], begin={"type": "integer", "minimum": 1}),
    ),
)


def issues(run: Run) -> list[dict[str, Json]]:
    (text,) = exported(run, "gitlab-code-quality").values()
    found: list[dict[str, Json]] = json.loads(text)
    jsonschema.validate(found, {"type": "array", "items": ISSUE})
    return found


def results(run: Run) -> list[dict[str, Json]]:
    (text,) = exported(run, "sarif").values()
    found: list[dict[str, Json]] = only_run(text)["results"]  # type: ignore[assignment]  # as the schema says
    assert all(each["locations"] for each in found)  # GitHub's own rule
    return found


@pytest.fixture
def bad(run: Run) -> Run:
    """A run whose first verdicts are one of each state that is not PASS; the others are."""
    run.record = replace(
        run.record, verdicts=tuple(replace(v, state=State.PASS) for v in run.record.verdicts)
    )
    for place, state in enumerate((State.INCONCLUSIVE, State.INVALID, State.FAIL)):
        run.record = with_verdict(run.record, place, state=state, why="50 % slower\nthan <before>")
    return run


def test_what_is_not_pass_is_found_in_both_formats_the_worst_first(bad: Run) -> None:
    assert [each["severity"] for each in issues(bad)] == ["major", "critical", "minor"]
    assert [each["level"] for each in results(bad)] == ["error", "error", "warning"]
    names = [bad.record.verdicts[place].name for place in (1, 2, 0)]
    for name, issue, result in zip(names, issues(bad), results(bad), strict=True):
        text = result["message"]["text"]  # type: ignore[index,call-overload]  # the schema has said what it is
        assert issue["description"] == text
        assert f"{name}: 50 % slower\nthan <before>" in str(text)


def test_a_run_that_passes_has_no_finding(bad: Run) -> None:
    bad.record = replace(bad.record, verdicts=bad.record.verdicts[3:])
    assert issues(bad) == results(bad) == []


def test_the_same_thing_has_the_same_fingerprint_in_another_run(bad: Run) -> None:
    before = [each["fingerprint"] for each in issues(bad)]
    bad.record = with_verdict(replace(bad.record, id="another"), 2, why="60 % slower")
    assert [each["fingerprint"] for each in issues(bad)] == before
    assert len({*before}) == 3
    assert [each["partialFingerprints"] for each in results(bad)] == [
        {"tailguard/v1": each} for each in before
    ]


def test_a_broken_invariant_is_found_though_every_objective_is_met(bad: Run) -> None:
    bad.record = replace(bad.record, verdicts=bad.record.verdicts[3:])
    broken = replace(bad.record.scenarios["registration"].invariants[0], held=False)
    bad.record = with_scenario(bad.record, "registration", invariants=(broken,))
    [issue], [result] = issues(bad), results(bad)
    assert "invariant broken (registration: " in str(issue["description"])
    assert result["ruleId"] == "tailguard-run"


@pytest.mark.parametrize(
    ("folder", "suite", "path"),
    [
        ("", None, "tailguard.toml"),
        ("shop/", PlayedSuite(file="tailguard.toml", scenarios=("scenarios",)), "shop/tailguard.toml"),
        ("", PlayedSuite(file="tailguard.toml", asked=("perf/search.py::find",)), "perf/search.py"),
        ("", PlayedSuite(file="tailguard.toml", asked=("a.py", "b.py")), "tailguard.toml"),
    ],
)
def test_a_finding_stands_in_the_file_that_states_it(
    bad: Run, folder: str, suite: PlayedSuite | None, path: str
) -> None:
    git = replace(bad.record.environment.git, folder=folder)
    bad.record = replace(bad.record, suite=suite, environment=replace(bad.record.environment, git=git))
    assert {each["location"]["path"] for each in issues(bad)} == {path}  # type: ignore[index,call-overload]


def test_a_path_of_other_letters_is_a_uri(bad: Run) -> None:
    bad.record = replace(bad.record, suite=PlayedSuite(file="läden/mein shop.toml"))
    assert '"uri": "l%C3%A4den/mein%20shop.toml"' in exported(bad, "sarif")["tailguard.sarif"]

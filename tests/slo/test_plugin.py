"""The guards as pytest runs them: names, outcomes, messages and exit codes, on finished runs."""

import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from msgspec.structs import replace

import slo
from tailguard.base.state import State
from tailguard.compare.verdicts import verdicts_of
from tailguard.judge.objectives import parse_objectives
from tailguard.record.run import Run
from tests.support.busy_machine import undisturbed
from tests.support.runs_by_hand import HELD, made_run, samples_of

pytestmark = pytest.mark.system

pytest_plugins = ["pytester"]

N = 1200
SLOW_SHARES = {"PASS": 0.0, "INCONCLUSIVE": 0.05, "FAIL": 0.5}


@pytest.fixture
def guard(pytester, tmp_path, monkeypatch):
    """Run the guards on a run whose registrations deserve the given state; returns pytest's result and the run."""
    monkeypatch.delenv("CI", raising=False)

    def run_guards(*options, state="PASS", **changes):
        slow = np.arange(N) % 20 < SLOW_SHARES[state] * 20
        samples = samples_of("registration", ("register",), np.where(slow, 900.0, 20.0))
        table = {"step": "register", "p95": "<= 215ms", "error_rate": "< 1%", "dependence": "independent"}
        objectives = parse_objectives({"scenarios": {"registration": table}})
        run = made_run(tmp_path, registration=samples, objectives=objectives, **changes)
        run.put_verdicts(verdicts_of(run))
        run.save()
        guards = f"{slo.__path__[0]}/test_slo.py"
        arguments = [
            "-p",
            "no:locust",
            "-p",
            "no:cacheprovider",
            "-m",
            "performance",
            f"--slo-run={run.folder}",
        ]
        return pytester.runpytest_inprocess(guards, *arguments, "-rA", *options), run

    return run_guards


def test_a_good_run_passes_one_test_per_objective(guard):
    """The names say what is promised; invariants are asserted one by one."""
    result, _ = guard("-v")
    result.assert_outcomes(passed=4, skipped=1)  # no migration was proven
    result.stdout.fnmatch_lines(
        [
            "*test_slo[[]registration p95 <= 215ms] PASSED*",
            "*test_slo[[]registration error rate < 1%] PASSED*",
        ]
    )


def test_a_breach_fails_with_everything_one_wants_to_know(guard):
    """Limit, observed, interval, n, exceedances and the run's folder."""
    result, run = guard(state="FAIL")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "FAIL: registration p95 <= 215ms",
            "*limit*<= 215 ms",
            "*observed*900 ms [[]900 ms, *] at 98 %",
            "*samples*, of which * exceed the limit",
            f"*run*{run.folder}",
        ]
    )


def test_an_undecided_objective_is_neither_passed_nor_failed(guard):
    """Locally it warns: its own count, its reason, exit code 0."""
    result, _ = guard(state="INCONCLUSIVE")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        ["*undecided objectives and migrations*", "*p95 <= 215ms*", "*1 inconclusive*"]
    )
    assert result.parseoutcomes()["passed"] == 3


@pytest.mark.parametrize("options", [["--slo-inconclusive=fail"], []])
def test_an_undecided_objective_fails_if_it_is_told_to_and_in_ci(guard, monkeypatch, options):
    """By the option, or by CI's own variable."""
    if not options:
        monkeypatch.setenv("CI", "true")
    result, _ = guard(*options, state="INCONCLUSIVE")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.parseoutcomes()["inconclusive"] == 1
    why = options[0] if options else "CI is set"
    assert result.stdout.lines[-1] == (
        f"1 undecided: they fail the session, as {why}; --slo-inconclusive=warn lets them pass."
    )


def test_a_finished_run_is_judged_without_collecting_anything_but_the_guards(guard, pytester):
    """Files of other tests are not even imported."""
    pytester.makepyfile(test_others="raise RuntimeError('imported')")
    pytester.makepyfile(test_guards="from tailguard.guards import *")
    _, run = guard()
    arguments = ["-p", "no:locust", "-p", "no:cacheprovider", f"--slo-run={run.folder}"]
    result = pytester.runpytest_inprocess(*arguments)
    result.assert_outcomes(passed=4, skipped=1)


OWN_SUITE = """
import tailguard as tg

@tg.scenario(rate="400/s", steps=["look"], slo=["p95 <= 20s", "p50 <= 1ns"])
def shop(it):
    it.step("look", sum, range(100))
"""


@pytest.mark.system
def test_limits_that_a_scenario_states_itself_are_guarded_in_a_project_of_ones_own(pytester, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    for name, value in (("MAX_SAMPLES", "1500"), ("MIN_SAMPLES", "100"), ("MAX_SECONDS", "20")):
        monkeypatch.setenv(f"TAILGUARD_LOAD__{name}", value)
    monkeypatch.setenv("TAILGUARD_CONFIG", str(pytester.path / "tailguard.toml"))
    pytester.makefile(".toml", tailguard='[suite]\nscenarios = ["journeys"]\n')
    pytester.mkdir("journeys").joinpath("shop.py").write_text(OWN_SUITE, encoding="utf-8")
    pytester.makepyfile(test_guards="from tailguard.guards import *")
    result = pytester.runpytest_subprocess(
        "-p", "no:locust", "-p", "no:cacheprovider", "-v", "--strict-markers"
    )
    record = Run.load("latest", pytester.path / "runs").record
    outcomes = {State.PASS: "PASSED", State.FAIL: "FAILED", State.INVALID: "ERROR"}
    result.stdout.fnmatch_lines_random(
        [f"*test_slo[[]{each.name}] {outcomes[each.state]}*" for each in record.verdicts]
    )
    assert {each.name: each.state for each in undisturbed(record).verdicts} == {
        "shop p95 <= 20s": State.PASS,
        "shop p50 <= 1ns": State.FAIL,
        "shop error rate < 1%": State.PASS,
    }
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_an_incomplete_run_is_an_error(guard):
    """INVALID is not a failure of the platform."""
    result, _ = guard(because="the database was killed")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.parseoutcomes()["errors"] == 2
    result.stdout.fnmatch_lines(["*incomplete: the database was killed*"])


def test_a_broken_invariant_fails_by_its_name_and_invalidates_the_scenario(guard):
    """Fast and wrong is a failure."""
    result, _ = guard(invariants=[HELD, replace(HELD, name="nobody twice", held=False, observed="7")])
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.parseoutcomes()["errors"] == 2
    result.stdout.fnmatch_lines(["*nobody twice*", "*observed 7*"])


def test_a_scenario_whose_invariants_were_not_checked_fails(guard):
    """No evidence is not a pass."""
    result, _ = guard(invariants=[])
    result.assert_outcomes(passed=3, failed=1, skipped=1)


def test_junit_carries_the_evidence_as_properties(guard, tmp_path):
    """What a dashboard reads."""
    result, _ = guard(f"--junitxml={tmp_path}/junit.xml", state="FAIL")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    [case] = [c for c in ET.parse(tmp_path / "junit.xml").iter("testcase") if "p95" in c.get("name")]
    found = {each.get("name"): each.get("value") for each in case.iter("property")}
    assert found["slo.verdict"] == "FAIL"
    assert float(found["slo.limit_ms"]) == 215
    assert float(found["slo.observed_ms"]) == 900
    assert {"slo.quantile", "slo.ci_low_ms", "slo.n", "slo.exceed"} <= found.keys()
    assert "slo.ci_high_ms" not in found, "132 samples bound a p95 from below alone"


def test_what_is_not_a_run_and_a_misspelt_objective_are_usage_errors(pytester, tmp_path, monkeypatch):
    """Before anything is measured."""
    guards = f"{slo.__path__[0]}/test_slo.py"
    result = pytester.runpytest_inprocess(guards, "-p", "no:locust", "-m", "performance", "--slo-run=nowhere")
    assert result.ret != pytest.ExitCode.OK
    (tmp_path / "mine.toml").write_text("[scenarios.registration]\np59='fast'\n", encoding="utf-8")
    monkeypatch.setenv("TAILGUARD_OBJECTIVES", str(tmp_path / "mine.toml"))
    result = pytester.runpytest_inprocess(guards, "-p", "no:locust", "-m", "performance")
    assert result.ret != pytest.ExitCode.OK
    assert "mine.toml" in result.stdout.str() + result.stderr.str()


def test_a_run_without_objectives_is_a_usage_error(pytester, tmp_path):
    """Such as a duet's: nothing of it has a guard."""
    run = made_run(tmp_path, registration=samples_of("registration", ("register",), np.full(N, 20.0)))
    guards = f"{slo.__path__[0]}/test_slo.py"
    options = ["-p", "no:locust", "-m", "performance", f"--slo-run={run.folder}"]
    result = pytester.runpytest_inprocess(guards, *options)
    assert result.ret != pytest.ExitCode.OK
    assert "has no objectives" in result.stdout.str() + result.stderr.str()


def test_the_options_are_listed_and_an_unknown_choice_is_refused(pytester):
    """Beside pytest's own."""
    assert "--slo-inconclusive" in pytester.runpytest("--help", "-p", "no:locust").stdout.str()
    assert (
        pytester.runpytest("--slo-inconclusive=ignore", "-p", "no:locust").ret == pytest.ExitCode.USAGE_ERROR
    )


def test_a_record_of_verdicts_is_plain_json(guard):
    """The run that the guards judged keeps its verdicts."""
    _, run = guard()
    assert {v["state"] for v in json.loads((run.folder / "run.json").read_text("utf-8"))["verdicts"]} == {
        "PASS"
    }

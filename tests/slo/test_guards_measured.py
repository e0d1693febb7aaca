"""Every guard is tested against a known defect: the real platform, measured, with each of its faults."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

import slo

pytestmark = pytest.mark.proof

# Each fault switch of the reference platform, a scenario that meets it, and what must name it.
FAULTS = [
    ("capacity", "registration", "no tournament is over its capacity"),
    ("state_guard", "result_submission", "each version of a match has one winner"),
    ("crossing_deadlock", "economy_transfer", "no deadlock"),
    ("event_before_commit", "websocket_broadcast", "no event overtook its commit"),
    ("delay_ms=400@registration", "registration", "registration p95 <= 215ms"),
    ("delay_ms=300@economy_transfer", "economy_transfer", "economy_transfer p95 <= 265ms"),
    ("delay_pct=100000@result_submission", "result_submission", "result_submission p95 <= 167ms"),
    ("tail=0.2x1000@registration", "registration", "registration p95 <= 215ms"),
    ("error_rate=0.05@economy_transfer", "economy_transfer", "economy_transfer error rate < 1%"),
]


@pytest.fixture
def guards(tmp_path):
    """Measure one scenario under the guards; pytest's result and, by test, what became of it."""

    def run_guards(scenario, **environment):
        environment |= {
            "TAILGUARD_SCENARIOS": scenario,
            "TAILGUARD_MIGRATIONS__RUN": "false",
            "TAILGUARD_RUNS_DIR": str(tmp_path / "runs"),
        }
        junit = tmp_path / "junit.xml"
        command = [sys.executable, "-m", "pytest", f"{slo.__path__[0]}/test_slo.py", "-m", "performance"]
        command += ["-p", "no:cacheprovider", f"--junitxml={junit}", "-q"]
        done = subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, timeout=240, check=False
        )
        cases = {case.get("name"): {child.tag for child in case} for case in ET.parse(junit).iter("testcase")}
        return done, cases

    return run_guards


def test_a_limit_below_what_is_measured_fails_its_guard(guards, tmp_path):
    """1 µs for a result; a busy machine may make it INVALID, but never PASS."""
    objectives = tmp_path / "objectives.toml"
    objectives.write_text(
        '[scenarios.result_submission]\nstep = "submit"\np95 = "<= 1us"\n', encoding="utf-8"
    )
    done, cases = guards("result_submission", TAILGUARD_OBJECTIVES=str(objectives))
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert cases["test_slo[result_submission p95 <= 1us]"] & {"failure", "error"}
    assert "limit        <= 1 µs" in done.stdout


@pytest.mark.parametrize(("fault", "scenario", "named"), FAULTS, ids=[fault for fault, _, _ in FAULTS])
def test_the_guards_fail_with_each_fault_switched_on(guards, fault, scenario, named):
    """However fast the platform is: the shipped objectives and invariants catch it, and say what it was."""
    done, cases = guards(scenario, TAILGUARD_FAULTS=fault)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    assert any(tags & {"failure", "error"} for tags in cases.values())
    assert named in done.stdout

"""A guard counts only when it was shown to fail: the real platform, measured, with a limit too low and with a fault."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

import slo

pytestmark = pytest.mark.performance


@pytest.fixture
def guards(tmp_path):
    """Measure result submission alone under the guards; pytest's result and, by test, what became of it."""

    def run_guards(limit="<= 60s", **environment):
        objectives = tmp_path / "objectives.toml"
        toml = f'[scenarios.result_submission]\nstep = "submit"\np95 = "{limit}"\n'
        objectives.write_text(toml, encoding="utf-8")
        environment |= {
            "TAILGUARD_OBJECTIVES": str(objectives),
            "TAILGUARD_SCENARIOS": "result_submission",
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


def test_a_limit_below_what_is_measured_fails_its_guard(guards):
    """1 µs for a result; a busy machine may make it INVALID, but never PASS."""
    done, cases = guards("<= 1us")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert cases["test_slo[result_submission p95 <= 1us]"] & {"failure", "error"}
    assert "limit        <= 1 µs" in done.stdout


def test_a_platform_that_lost_its_state_guard_fails_its_invariant(guards):
    """However fast it is."""
    done, cases = guards(TAILGUARD_FAULTS="state_guard")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "each version of a match has one winner" in done.stdout
    assert cases["test_slo[result_submission p95 <= 60s]"] & {"error"}

"""Signals that must not end a run: a window that is resized, a pause of the whole process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tailguard.record.run import Run
from tailguard.record.run_record import Ended
from tests.support.busy_machine import grave

pytestmark = pytest.mark.system

SCENARIO = """
import time
import tailguard as tg

@tg.scenario(rate="50/s", slo=["wait p95 <= 20s"])
def rest(it: tg.Iteration):
    it.step("wait", time.sleep, 0.001)
"""


@pytest.fixture
def started(tmp_path):
    """A run that measures for four seconds; it has begun."""
    (tmp_path / "perf_rest.py").write_text(SCENARIO, encoding="utf-8")
    words = [
        "run",
        "perf_rest.py",
        "--set",
        "load.max_samples=10000",
        "--set",
        "load.min_samples=10000",
        "--duration",
        "4s",
    ]
    command = [Path(sys.executable).with_name("tailguard"), *words]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TAILGUARD")}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert any(line.startswith("rest ") for line in process.stderr)
        yield process


def record(folder):
    return Run.load("latest", folder / "runs").record


def test_two_thousand_resized_windows_change_nothing(started, tmp_path):
    for _ in range(2000):
        started.send_signal(signal.SIGWINCH)
        time.sleep(0.001)
    started.stderr.read()
    assert started.wait(60) in (0, 65, 75)
    assert record(tmp_path).ended is Ended.COMPLETE
    assert record(tmp_path).scenarios["rest"].counts.error == 0


def test_a_pause_of_the_runner_is_told_as_a_doubt(started, tmp_path):
    process = psutil.Process(started.pid)
    process.suspend()
    time.sleep(0.6)  # a look's period longer than what is a doubt
    process.resume()
    started.stderr.read()
    assert started.wait(60) == record(tmp_path).exit_code
    assert "lagging_process" in {doubt.kind for doubt in record(tmp_path).doubts}
    assert started.returncode != 0 or not grave(record(tmp_path))

"""A process that is spoken to in lines ends with us, stopped or deaf, and tells how it ended."""

import signal
import subprocess
import sys

import psutil
import pytest

from tailguard.base.piped_process import PipedProcess
from tests.support.waiting import eventually

ECHO = "import sys\nfor line in sys.stdin: print(line.strip().upper(), flush=True)\n"
DEAF = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(600)\n"
OWNER = """
import time
from tailguard.base.piped_process import PipedProcess
with PipedProcess("echo") as process:
    process.send(b"up")
    process.read()
    print(process.pid, flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def modules(tmp_path, monkeypatch):
    """The modules that are run, on the path of every Python that is started."""
    (tmp_path / "echo.py").write_text(ECHO, encoding="utf-8")
    (tmp_path / "deaf.py").write_text(DEAF, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def gone(process):
    return eventually(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)


def test_a_line_is_answered_and_the_process_ends_with_the_with():
    with PipedProcess("echo") as process:
        process.send(b"hello")
        assert process.read() == b"HELLO\n"
        there = psutil.Process(process.pid)
        assert process.ended(0) == ""
    assert gone(there)


@pytest.mark.parametrize("module", ["deaf", "echo"])
def test_what_is_deaf_or_stopped_is_killed(module):
    with PipedProcess(module, patience_s=0.2) as process:
        process.send(b"up")
        process.read()
        there = psutil.Process(process.pid)
        if module == "echo":
            there.suspend()
    assert gone(there)


def test_how_it_ended_is_told_in_words():
    with PipedProcess("echo") as process:
        psutil.Process(process.pid).send_signal(signal.SIGKILL)
        assert process.ended(20) == "was ended by signal 9"
        assert process.read() == b""
    with PipedProcess("no_such_module") as process:
        assert process.ended(20) == "ended with exit code 1"


@pytest.mark.parametrize("stopped", [False, True])
def test_it_does_not_outlive_an_owner_that_is_killed(stopped):
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True) as owner:
        there = psutil.Process(int(owner.stdout.readline()))
        if stopped:
            there.suspend()
        owner.kill()
    assert gone(there)

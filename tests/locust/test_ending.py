"""The end of a Locust run, whoever asks for it and however often."""

import subprocess
import sys

import pytest

SCRIPT = """
from argparse import Namespace
from tailguard.locust.bridge import Bridge
import gevent

def finish(*of_the_run):
    gevent.sleep(0.2)  # the report is written: other greenlets have their turn
    return 99

bridge = Bridge(Namespace(close=lambda: None))
bridge._environment, bridge._options = Namespace(process_exit_code=None), Namespace(headless=True)
bridge._runner, bridge._run, bridge._master = None, Namespace(finish=finish), Namespace(closed_ns=1)
stopping = gevent.spawn(bridge._test_stop)
gevent.sleep(0.05)
stopping.kill(block=False)  # as Locust does with its own when it quits
bridge._quitting()
assert bridge._environment.process_exit_code == 99, bridge._environment
"""


@pytest.mark.system  # Locust changes the interpreter that imports it
def test_a_run_whose_report_is_being_written_when_locust_quits_keeps_its_exit_code():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, check=False, encoding="utf-8", timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")

"""A worker that computes instead of listening is named in the run's doubts."""

import pytest

from tailguard.base.state import State
from tailguard.record.doubt import Grade
from tests.support.locust_runs import LIMIT_S, processes, served_platform

pytestmark = pytest.mark.proof
# A greenlet that gives way every 40 ms only: what a user does who computes in the middle of an iteration.
BUSY = """
import time
import gevent
from locust import events

def compute(**_):
    def forever():
        while True:
            until_s = time.monotonic() + 0.04
            while time.monotonic() < until_s:
                pass
            gevent.sleep(0)
    gevent.spawn(forever)

events.test_start.add_listener(compute)
"""


def test_a_worker_with_a_busy_greenlet_is_doubted_by_name_and_its_run_is_invalid(tmp_path):
    busy = tmp_path / "busy.py"
    busy.write_text(BUSY, encoding="utf-8")
    with (
        served_platform() as (url, environment),
        processes(tmp_path, url, environment) as locust,
    ):
        master = locust.master("-u", "4", "-r", "4", "-t", "12s", "RegistrationUser", workers=2)
        locust.worker("quiet")
        locust.worker("busy", "-f", f"scenarios,{busy}")
        assert master.wait(LIMIT_S) == 65, locust.log("master")
        record = locust.run().record
    doubts = {each.kind: each for each in record.doubts}
    loads = {worker: load.late_ms.p50 for worker, load in record.locust.load.items()}
    worst = max(loads, key=loads.get)
    assert doubts["late_event_loop"].grade is Grade.GRAVE
    assert doubts["late_event_loop"].measured.startswith(f"worker {worst}: its event loop woke sleepers")
    assert loads[worst] > 4 * min(loads.values())
    assert {each.state for each in record.verdicts} == {State.INVALID}

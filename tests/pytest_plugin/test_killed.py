"""A process that is killed while it measures for a test: nothing of that test passes."""

import signal

import pytest

from tailguard.base.state import State
from tailguard.record.run_record import Ended
from tests.support.busy_machine import undisturbed
from tests.support.shop_in_git import TEST, commit

pytest_plugins = ["pytester"]

KILLED = """
    import os, signal

    def dies(calls=iter(range(20))):
        if next(calls, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    @pytest.mark.slo("p95 <= 500ms")
    def test_lives(slo):
        slo(time.sleep, 0.0005)

    @pytest.mark.slo("p95 <= 500ms")
    def test_dies(slo):
        slo(dies)
"""
DIES_IN_A_BLOCK = """
import os, signal, sys

def price():
    if sys.argv[0].endswith("block.py"):
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.system
def test_a_worker_of_xdist_that_is_killed_fails_its_test_and_its_limits_are_not_met(project):
    last = (
        '\n    @pytest.mark.slo("p95 <= 500ms")\n    def test_last(slo):\n        slo(time.sleep, 0.0005)\n'
    )
    done = project.test_apart("-n", "1", tests=KILLED + last)
    counts = done.parseoutcomes()
    assert (counts["failed"], counts.get("passed", 0) + counts.get("errors", 0)) == (1, 2)
    done.stdout.fnmatch_lines(["*crashed while running*test_dies*"])
    record = undisturbed(project.run.record)
    assert [*record.scenarios] == ["test_shop.py::test_lives", "test_shop.py::test_last"]
    assert {each.scenario for each in record.verdicts if each.state is State.INVALID} == {
        "test_shop.py::test_dies"
    }
    assert record.exit_code == 65


@pytest.mark.system
def test_a_run_whose_process_is_killed_has_not_passed(project):
    assert project.test_apart(tests=KILLED).ret == -signal.SIGKILL
    record = project.run.record
    assert [*record.scenarios] == ["test_shop.py::test_lives"]
    assert (record.ended, record.exit_code) == (Ended.RUNNING, None)
    assert record.state is State.INVALID


@pytest.mark.proof
def test_a_side_of_a_comparison_that_is_killed_in_each_block_is_invalid(shop):
    commit(shop, 0, DIES_IN_A_BLOCK)
    done = shop.test_apart(tests=TEST.format("HEAD~1"))
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*3 blocks in a row failed*"])
    assert shop.run.record.state is State.INVALID

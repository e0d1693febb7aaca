"""A process that is killed while it measures for a test: nothing of that test passes."""

import pytest

from tailguard.base.state import State
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
def test_a_worker_of_xdist_that_is_killed_fails_its_test_and_the_others_go_on(project):
    done = project.test_apart("-n", "1", tests=KILLED)
    done.assert_outcomes(failed=1, passed=1)
    done.stdout.fnmatch_lines(["*crashed while running*test_dies*"])
    assert [*project.run.record.scenarios] == ["test_shop.py::test_lives"]


@pytest.mark.proof
def test_a_side_of_a_comparison_that_is_killed_in_each_block_is_invalid(shop):
    commit(shop, 0, DIES_IN_A_BLOCK)
    done = shop.test_apart(tests=TEST.format("HEAD~1"))
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*3 blocks in a row failed*"])
    assert shop.run.record.state is State.INVALID

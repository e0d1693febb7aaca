"""Generator and server are held apart where the platform lets them be, and the run says so or why not."""

import os
import subprocess
import sys
from threading import Thread

import pytest

from tailguard.engine.placement import choose_placement, pinned, split
from tailguard.record.environment import Placement

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process choose its cores")


@pytest.mark.parametrize(
    ("cores", "generator", "server"),
    [
        ([0, 1], (0,), (1,)),
        ([2, 5, 7], (2,), (5, 7)),
        (list(range(8)), (0, 1), (2, 3, 4, 5, 6, 7)),
    ],
)
def test_the_cores_are_split_and_shared_by_nobody(cores, generator, server):
    assert split(cores) == Placement(generator=generator, server=server, pinned=True)


def test_one_core_cannot_be_split_and_that_is_said():
    placement = split([3])
    assert not placement.pinned
    assert "only one core" in placement.why


def test_a_placement_that_is_not_wanted_is_not_made():
    placement = choose_placement(pin=False)
    assert placement == Placement(generator=None, server=None, pinned=False, why="placement.pin is false")
    before = os.sched_getaffinity(0) if sys.platform == "linux" else None
    with pinned(placement):
        assert before is None or os.sched_getaffinity(0) == before


def test_where_cores_cannot_be_chosen_that_is_said(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "darwin" in choose_placement().why
    with pinned(Placement(generator=(0,), server=(1,), pinned=True)):
        pass


@linux
def test_threads_and_processes_started_inside_stay_on_the_generators_cores():
    before = os.sched_getaffinity(0)
    placement = Placement(generator=(min(before),), server=None, pinned=True)
    seen = []
    with pinned(placement):
        thread = Thread(target=lambda: seen.append(os.sched_getaffinity(0)))
        thread.start()
        thread.join()
        code = "import os; print(sorted(os.sched_getaffinity(0)))"
        child = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=True
        )
    assert seen == [{min(before)}]
    assert child.stdout.strip() == str([min(before)])
    assert os.sched_getaffinity(0) == before

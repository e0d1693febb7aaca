"""Placement: which cores the generator runs on and which the servers, so that neither takes the other's time.

Placement outweighs the driver: the same transfer takes 190 us with client and server on one core and 431 us on two.
So runs are pinned if the platform allows it, say where they ran, and are compared only with their like.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tailguard.record.environment import Placement


def choose_placement(*, pin: bool = True, inside: str = "") -> Placement:
    """Split the cores that this process may use: one in four, and at least one, for the generator.

    Python runs on one core at a time, so more than a few are of no use to the generator. `inside` names what is under
    test if it runs in the generator's own process: on the generator's cores it took 1.5 times as long as on all.
    """
    if not pin:
        return _anywhere("placement.pin is false")
    if inside:
        return _anywhere(f"{inside} runs in the generator's process: pinned, both would share its cores")
    if sys.platform != "linux":
        return _anywhere(f"{sys.platform} does not let a process choose its cores")
    return split(sorted(os.sched_getaffinity(0)))


def split(cores: list[int]) -> Placement:
    """Split these cores between the generator and the servers."""
    if len(cores) < 2:  # noqa: PLR2004 - two sides
        return _anywhere("there is only one core to run on")
    mine = max(1, len(cores) // 4)
    return Placement(generator=tuple(cores[:mine]), server=tuple(cores[mine:]), pinned=True)


@contextmanager
def pinned(placement: Placement) -> Iterator[None]:
    """Hold this thread, and the threads and processes it starts, to the generator's cores; loosen it at the end."""
    if sys.platform != "linux" or placement.generator is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, placement.generator)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _anywhere(why: str) -> Placement:
    return Placement(generator=None, server=None, pinned=False, why=why)

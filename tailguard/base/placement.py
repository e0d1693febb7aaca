"""Placement: which cores the generator runs on and which the servers, so that neither takes the other's time.

Placement outweighs the driver: the same transfer takes 190 us with client and server on one core and 431 us on two.
So runs are pinned where the platform allows it, say where they ran, and are compared only with their like.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a run's two sides are allowed to run.

    Attributes:
        generator: cores of this process, in which the workers and an in-process platform run; None means any.
        server: cores for the database, the object store and the subscribers' process; None means any.
        pinned: whether the two are held apart.
        why: why they are not; "" where they are.
    """

    generator: tuple[int, ...] | None
    server: tuple[int, ...] | None
    pinned: bool
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the run record's entry."""
        cores = {side: getattr(self, side) for side in ("generator", "server")}
        listed = {side: None if given is None else list(given) for side, given in cores.items()}
        return {**listed, "pinned": self.pinned, "why": self.why}


def choose_placement(*, pin: bool = True) -> Placement:
    """Split the cores that this process may use: one in four, and at least one, for the generator.

    Python runs on one core at a time, so more than a few are of no use to the generator.
    """
    if not pin:
        return Placement(None, None, pinned=False, why="placement.pin is false")
    if sys.platform != "linux":
        return Placement(
            None, None, pinned=False, why=f"{sys.platform} does not let a process choose its cores"
        )
    return split(sorted(os.sched_getaffinity(0)))


def split(cores: list[int]) -> Placement:
    """Split these cores between the generator and the servers."""
    if len(cores) < 2:  # noqa: PLR2004 - two sides
        return Placement(None, None, pinned=False, why="there is only one core to run on")
    mine = max(1, len(cores) // 4)
    return Placement(tuple(cores[:mine]), tuple(cores[mine:]), pinned=True)


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

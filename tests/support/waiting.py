"""Waiting for what will be true: never longer than it takes."""

import socket
import time
from collections.abc import Callable
from typing import TypeVar

from tailguard.base.ports import LOOPBACK

T = TypeVar("T")


def eventually(
    look: Callable[[], T], within_s: float = 60.0, *, pause_s: float = 0.02, log: Callable[[], str] = str
) -> T:
    """Look again and again until what is found is true, and return it; fail with the log if it is not in that time."""
    ends_s = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < ends_s, f"not within {within_s:g} s; found {found!r} {log()}"
        time.sleep(pause_s)
    return found


def listens(port: int) -> bool:
    """Whether anybody takes connections on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0

"""An alarm on an event loop that is more precise than the loop's own timers, which are 1 ms coarse."""

import asyncio
import ctypes
import os
import sys
from collections.abc import Callable
from functools import cache
from time import monotonic_ns
from typing import Protocol

from tailguard.base.clock import POLL_NS

# Elsewhere than on Linux the loop's own timer wakes us; it may be late by its grain.
_GRAIN_NS = 1_000_000
# CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC and TFD_TIMER_ABSTIME of <sys/timerfd.h>; Python has them from 3.13 on.
_MONOTONIC, _FLAGS, _ABSOLUTE = 1, 0o2004000, 1


class _Timer(Protocol):
    def set(self, at_ns: int) -> None: ...

    def close(self) -> None: ...


class Alarm:
    """Makes one call at an instant: it sleeps until shortly before, then looks at the clock in each round of the loop.

    Everything is called on the loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
        self._loop, self._call = loop, call
        self._due_ns: int | None = None
        self._polling = False
        kind = _KernelTimer if sys.platform == "linux" else _LoopTimer
        self._timer: _Timer = kind(loop, self._woken)

    def at(self, due_ns: int) -> None:
        """Call at that instant of the monotonic clock, and not at the one that was asked for before."""
        self._due_ns = due_ns
        if not self._polling:
            self._wait(due_ns - monotonic_ns())

    def off(self) -> None:
        """Do not call."""
        self._due_ns = None

    def close(self) -> None:
        """Give back what it holds."""
        self.off()
        self._timer.close()

    def _wait(self, left_ns: int) -> None:
        assert self._due_ns is not None
        if left_ns <= POLL_NS:
            self._polling = True
            self._loop.call_soon(self._poll)
        else:
            self._timer.set(self._due_ns - POLL_NS)

    def _woken(self) -> None:
        if self._due_ns is not None and not self._polling:
            self._wait(self._due_ns - monotonic_ns())

    def _poll(self) -> None:
        self._polling = False
        if self._due_ns is None:
            return
        left_ns = self._due_ns - monotonic_ns()
        if left_ns > 0:
            self._wait(left_ns)
            return
        self._due_ns = None
        self._call()


class _LoopTimer:
    """The loop's own timer."""

    def __init__(self, loop: asyncio.AbstractEventLoop, woken: Callable[[], None]) -> None:
        self._loop, self._woken = loop, woken
        self._handle: asyncio.TimerHandle | None = None

    def set(self, at_ns: int) -> None:
        self.close()
        left_ns = max(at_ns - _GRAIN_NS - monotonic_ns(), 0)
        self._handle = self._loop.call_later(left_ns / 1e9, self._woken)

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()


class _TimerSpec(ctypes.Structure):
    """`struct itimerspec`: interval and value, each in s and ns."""

    _fields_ = [(name, ctypes.c_long) for name in ("every_s", "every_ns", "at_s", "at_ns")]


class _KernelTimer:
    """A timer of the kernel that the loop watches as it watches sockets (timerfd)."""

    def __init__(self, loop: asyncio.AbstractEventLoop, woken: Callable[[], None]) -> None:
        self._loop, self._woken = loop, woken
        self._file = _libc().timerfd_create(_MONOTONIC, _FLAGS)
        if self._file < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._spec = _TimerSpec()
        self._by_reference = ctypes.byref(self._spec)
        loop.add_reader(self._file, self._rang)

    def set(self, at_ns: int) -> None:
        self._spec.at_s, self._spec.at_ns = divmod(max(at_ns, 1), 1_000_000_000)
        _libc().timerfd_settime(self._file, _ABSOLUTE, self._by_reference, None)

    def close(self) -> None:
        self._loop.remove_reader(self._file)
        os.close(self._file)

    def _rang(self) -> None:
        try:
            os.read(self._file, 8)
        except BlockingIOError:  # it was set anew meanwhile
            return
        self._woken()


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)

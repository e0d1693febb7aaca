"""Ctrl-C and SIGTERM: answered within a second, obeyed within five, whatever the main thread waits for.

The first one raises KeyboardInterrupt in the main thread, which saves and cleans up. A library may keep that thread in
a wait of its own, or in native code; so a second thread hears of the signals, too. It ends the process when the time
is up or somebody presses a third time. The servers of a process end with it (see `processes`).
"""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread, current_thread, get_ident, main_thread
from types import FrameType

from tailguard.base.errors import InterruptedRunError

ANSWER_S = 0.7  # an end that is quicker needs no words
PATIENCE_S = 4.5  # five seconds, less what the end itself takes
SAME_PRESS_S = 0.1  # a key that is held, and a signal that a terminal and a parent both send
PRESSES_AT_ONCE = 3
SAY_EVERY_S = 15.0  # nobody waits for longer than that without a word
_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_left_behind: dict[object, str] = {}
_lock = Lock()
# Interrupts on their way that nobody pressed: not yet raised, not yet heard of.
_to_raise = _to_hear = 0


@contextmanager
def left_behind(what: str) -> Iterator[None]:
    """While the `with` lasts, `what` stays behind if the process must end at once; the user is then told."""
    key = object()
    _left_behind[key] = what
    try:
        yield
    finally:
        del _left_behind[key]


def interrupt(thread: int) -> None:
    """Interrupt our own main thread with a real signal, so that a wait in the kernel ends, too. No press counts it."""
    global _to_raise, _to_hear  # noqa: PLW0603  # signals are the process's own
    with _lock:
        _to_raise += 1
        _to_hear += 1
    signal.pthread_kill(thread, signal.SIGINT)


class OverdueError(Exception):
    """What was to be done within a deadline was not; its cause says where it was then."""


@contextmanager
def deadline(seconds: float, say: Callable[[str], object]) -> Iterator[None]:
    """Bound the `with`: what hangs in the main thread is interrupted there, as Ctrl-C would, after so many seconds.

    `say` is told how long it has taken, every `SAY_EVERY_S`, and that its time is up; of another thread that is all.
    Raises OverdueError.
    """
    over, expired, thread = Event(), Event(), get_ident()
    in_main = current_thread() is main_thread()

    def watch() -> None:
        began_s = time.monotonic()
        while (left_s := began_s + seconds - time.monotonic()) > 0:
            if over.wait(min(left_s, SAY_EVERY_S)):
                return
            if left_s > SAY_EVERY_S:
                say(f"takes {time.monotonic() - began_s:.0f} s so far, of {seconds:g} s at most")
        expired.set()
        say(f"was left after {seconds:g} s")
        if in_main:
            interrupt(thread)

    watcher = Thread(target=watch, name="deadline", daemon=True)
    watcher.start()
    try:
        try:
            yield
        finally:
            over.set()
            watcher.join()  # an interrupt on its way arrives here, and not in what comes next
    except KeyboardInterrupt as interrupted:
        if not expired.is_set():
            raise
        raise OverdueError(f"not within {seconds:g} s") from interrupted


class Interrupts:
    """Takes the signals of this process over, for good."""

    def __init__(self) -> None:
        self._presses = 0
        self._raised = self._answered = False
        self._pressed_s = self._first_s = 0.0

    def install(self) -> None:
        """Begin to listen. In the main thread, before anything takes long."""
        self._hears, wakes = socket.socketpair()
        self._wakes = wakes  # kept open
        os.set_blocking(wakes.fileno(), False)  # as Python asks of it
        for number in _SIGNALS:
            signal.signal(number, self._handle)
        signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
        Thread(target=self._listen, name="interrupts", daemon=True).start()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        """In the main thread: the first press ends what it does, and those that follow do not disturb the end."""
        global _to_raise  # noqa: PLW0603  # as above
        with _lock:
            ours = _to_raise > 0
            _to_raise -= ours
        if ours or not self._raised:
            self._raised = self._raised or not ours
            raise KeyboardInterrupt

    def _listen(self) -> None:
        while True:
            self._hears.settimeout(self._wait_s())
            try:
                numbers = self._hears.recv(64)
            except TimeoutError:
                self._time_has_passed()
                continue
            if any(number in _SIGNALS for number in numbers) and not self._is_our_own():
                self._take_press(time.monotonic())

    def _is_our_own(self) -> bool:
        global _to_hear  # noqa: PLW0603  # as above
        with _lock:
            ours = _to_hear > 0
            _to_hear -= ours
        return ours

    def _take_press(self, now_s: float) -> None:
        if now_s - self._pressed_s >= SAME_PRESS_S:
            self._presses += 1
            self._first_s = self._first_s or now_s
            self._answered = False
        self._pressed_s = now_s
        if self._presses >= PRESSES_AT_ONCE:
            end_now("at once, as you asked")

    def _wait_s(self) -> float | None:
        if not self._presses:
            return None
        due_s = self._first_s + PATIENCE_S if self._answered else self._pressed_s + ANSWER_S
        return max(due_s - time.monotonic(), 0.01)

    def _time_has_passed(self) -> None:
        if time.monotonic() - self._first_s >= PATIENCE_S:
            end_now(f"after {PATIENCE_S:g} s, as something took longer")
        self._answered = True
        again = "once more ends" if self._presses > 1 else "twice more ends"
        _say(f"Stopping, in {PATIENCE_S:g} s at most. Ctrl-C {again} at once.")


def end_now(why: str) -> None:
    """End the process without waiting for anything; say what it leaves."""
    _say(f"Interrupted: ended {why}. What was saved before that is whole.")
    for what in list(_left_behind.values()):
        _say(f"Left behind: {what}")
    os._exit(InterruptedRunError.exit_code)


def _say(text: str) -> None:
    """Write a line past all buffers, which the main thread may hold."""
    with suppress(OSError):
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"{text}\n".encode())

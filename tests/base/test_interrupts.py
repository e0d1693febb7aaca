"""Ctrl-C is answered at once and obeyed in five seconds, whatever the main thread waits for."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tailguard.base import interrupts
from tailguard.base.interrupts import OverdueError, deadline

STUBBORN = """
import ctypes, sys, time
from tailguard.base.interrupts import Interrupts, left_behind
libc = ctypes.CDLL(None)
Interrupts().install()
told = []
with left_behind("the schema tailguard_x: DROP SCHEMA tailguard_x"):
    while True:
        try:
            told or (told.append(True), print("ready", flush=True))
            {wait}
        except KeyboardInterrupt:
            print("raised", flush=True)
"""
IN_A_LIBRARY = "time.sleep(60)"
# One call that never looks at signals and gives the interpreter away, as a native library does.
IN_NATIVE_CODE = "[libc.pause() for _ in range(60)]"


def stubborn(wait=IN_A_LIBRARY):
    process = subprocess.Popen(
        [sys.executable, "-c", STUBBORN.format(wait=wait)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.system
@pytest.mark.parametrize("wait", [IN_A_LIBRARY, IN_NATIVE_CODE], ids=["a library's wait", "native code"])
def test_what_does_not_end_is_ended_after_five_seconds_with_what_it_leaves(wait):
    with stubborn(wait) as process:
        began_s = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline() == "Stopping, in 4.5 s at most. Ctrl-C twice more ends at once.\n"
        answered_s = time.monotonic() - began_s
        assert process.wait(30) == 130
        took_s = time.monotonic() - began_s
        said = process.stderr.read()
    assert "Left behind: the schema tailguard_x: DROP SCHEMA tailguard_x" in said
    assert took_s >= 4.4
    if os.getloadavg()[0] < os.cpu_count():  # else somebody else's work is what took the time
        assert answered_s < 1
        assert took_s < 5


def test_a_third_press_ends_at_once_and_only_the_first_is_raised():
    with stubborn() as process:
        began_s = time.monotonic()
        for _ in range(3):
            process.send_signal(signal.SIGINT)
            time.sleep(0.25)
        assert process.wait(30) == 130
        took_s = time.monotonic() - began_s
        assert process.stdout.read() == "raised\n"
        assert "ended at once, as you asked" in process.stderr.read()
    if os.getloadavg()[0] < os.cpu_count():
        assert took_s < 4.4


def test_a_key_that_is_held_counts_once():
    with stubborn() as process:
        for _ in range(10):
            process.send_signal(signal.SIGINT)
            time.sleep(0.02)
        time.sleep(0.3)
        assert process.poll() is None
        process.kill()


def test_an_interrupt_of_our_own_is_raised_and_is_no_press():
    wait = (
        "import os, threading, tailguard.base.interrupts as i\n"
        "            for n in range(4):\n"
        "                try: i.interrupt(threading.main_thread().ident); time.sleep(60)\n"
        "                except KeyboardInterrupt: print('own', flush=True); time.sleep(0.2)\n"
        "            sys.exit(0)"
    )
    with stubborn(wait) as process:
        assert process.wait(30) == 0
        assert process.stdout.read() == "own\n" * 4
        assert process.stderr.read() == ""


def test_what_is_done_in_time_meets_no_deadline():
    told = []
    with deadline(60, told.append):
        pass
    assert told == []


def test_what_takes_long_is_told_and_what_takes_too_long_is_left(monkeypatch):
    monkeypatch.setattr(interrupts, "SAY_EVERY_S", 0.2)
    told = []
    with pytest.raises(OverdueError) as raised, deadline(0.5, told.append):
        time.sleep(60)
    assert told == [
        "takes 0 s so far, of 0.5 s at most",
        "takes 0 s so far, of 0.5 s at most",
        "was left after 0.5 s",
    ]
    assert isinstance(raised.value.__cause__, KeyboardInterrupt)


def test_ctrl_c_within_a_deadline_is_ctrl_c():
    def pressed():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)

    with pytest.raises(KeyboardInterrupt), deadline(60, print):
        pressed()

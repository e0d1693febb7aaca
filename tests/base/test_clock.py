"""The monotonic clock waits precisely, and a fake one jumps."""

import sys
import time
from pathlib import Path
from threading import Event, Thread, get_native_id

import pytest

from tailguard.base.clock import MonotonicClock, sharpen_timers
from tests.support.fake_clock import FakeClock

MS = 1_000_000


def test_the_clock_never_returns_before_the_instant_that_is_due():
    clock = MonotonicClock()
    for ahead_ns in (0, 50_000, MS, 5 * MS):
        due_ns = clock.now_ns() + ahead_ns
        clock.sleep_until_ns(due_ns)
        assert clock.now_ns() >= due_ns


def test_an_instant_that_has_passed_is_not_waited_for():
    clock = MonotonicClock()
    before = time.monotonic()
    clock.sleep_until_ns(clock.now_ns() - 10_000 * MS)
    assert time.monotonic() - before < 5


def test_a_sleeper_is_woken_by_its_event_long_before_its_time():
    clock, wake = MonotonicClock(), Event()
    wake.set()
    due_ns = clock.now_ns() + 600_000 * MS
    clock.sleep_until_ns(due_ns, wake)
    assert clock.now_ns() < due_ns


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux makes timers late on purpose")
def test_a_sharpened_threads_timers_have_no_slack_and_other_threads_keep_theirs():
    def slack_ns():
        return int(Path(f"/proc/{get_native_id()}/timerslack_ns").read_text(encoding="ascii"))

    def sharpen():
        sharpen_timers()
        seen.append(slack_ns())

    seen = []
    before = slack_ns()
    thread = Thread(target=sharpen)
    thread.start()
    thread.join()
    assert seen == [1]
    assert slack_ns() == before


def test_a_fake_clock_stands_still_until_somebody_sleeps_and_then_jumps():
    clock = FakeClock(5)
    assert clock.now_ns() == clock.now_ns() == 5
    clock.sleep_until_ns(3_600_000 * MS)
    assert clock.now_ns() == 3_600_000 * MS
    clock.sleep_until_ns(7)
    assert clock.now_ns() == 3_600_000 * MS


def test_a_fake_clock_cannot_go_back():
    with pytest.raises(ValueError, match="cannot go back by 1 ns"):
        FakeClock().advance_ns(-1)


@pytest.mark.proof
def test_a_start_is_at_most_100_us_late_at_the_median():
    late_ns = []

    def wait():
        sharpen_timers()
        clock = MonotonicClock()
        for _ in range(301):
            due_ns = clock.now_ns() + 5 * MS
            clock.sleep_until_ns(due_ns, Event())
            late_ns.append(clock.now_ns() - due_ns)

    thread = Thread(target=wait)
    thread.start()
    thread.join()
    assert sorted(late_ns)[150] <= 100_000

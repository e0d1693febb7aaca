"""Workers run the journey at its intended starts, survive what it does, and end when they are asked to."""

import time
from threading import Event, Timer

import pytest

from tailguard.base.clock import MonotonicClock
from tailguard.base.errors import UsageError
from tailguard.base.testing import FakeClock
from tailguard.engine.dispatch_window import DispatchWindow, WindowSpec
from tailguard.engine.iteration import Session
from tailguard.engine.recorder import ErrorKinds, Recorder, merge
from tailguard.engine.runner import Job, Runner

MS = 1_000_000
S = 1000 * MS


class Stand:
    """A journey with its sessions, ready to be run."""

    def __init__(self, journey, clock, workers=1):
        self.journey, self.clock = journey, clock
        self.errors = ErrorKinds()
        self.recorders = [Recorder() for _ in range(workers)]
        self.sessions = [
            Session(("go",), (), worker=number, clock=clock, recorder=recorder, errors=self.errors)
            for number, recorder in enumerate(self.recorders)
        ]

    def job(self, starts_ns, *, first=0, end=10**6, from_ns=0, length_ns=S, patience_ns=S, warmup=False):
        piece = WindowSpec(starts_ns, first, end, from_ns, length_ns, patience_ns)
        return Job(self.journey, None, None, self.sessions, DispatchWindow(piece, self.clock), warmup)

    def samples(self):
        return merge(self.recorders, "some", ("go",), self.errors.names())


def quick(session, *_):
    session.step("go", lambda: None)


def test_each_start_is_run_once_at_its_time_and_a_window_ends_at_the_first_start_beyond_it():
    clock = FakeClock(5 * S)
    stand = Stand(quick, clock)
    job = stand.job([0, 300 * MS, 900 * MS, 1100 * MS])
    with Runner(1) as runner:
        assert runner.run(job) == set()
    assert [at - 5 * S for at in stand.samples().started_ns.tolist()] == [0, 300 * MS, 900 * MS]
    assert job.window.next_turn == 3


def test_the_next_window_continues_the_schedule_where_the_last_one_ended():
    clock = FakeClock(0)
    stand = Stand(quick, clock)
    starts = [100 * MS * turn for turn in range(20)]
    turns = []
    stand.journey = lambda session, *_: turns.append(session.turn)
    first = stand.job(starts, length_ns=450 * MS)
    with Runner(1) as runner:
        runner.run(first)
        clock.advance_ns(60 * S)
        runner.run(stand.job(starts, first=first.window.next_turn, from_ns=first.window.active_ns))
    assert turns == list(range(len(turns)))
    assert len(turns) > 10


def test_a_window_goes_on_through_a_stall_so_that_the_requests_it_hits_are_not_left_out():
    """A stall that begins just before the window ends delays the starts that fall into it: they are its own."""
    clock = FakeClock(0)

    def stalls(session, *_):
        session.step("go", lambda: clock.advance_ns(500 * MS if session.turn == 9 else MS))

    stand = Stand(stalls, clock)
    with Runner(1) as runner:
        runner.run(stand.job([100 * MS * turn for turn in range(40)]))
    responses = stand.samples().response_ms("go")
    assert responses[:9].tolist() == [1.0] * 9
    assert responses[9:15].tolist() == [500.0, 401.0, 302.0, 203.0, 104.0, 5.0]


def test_patience_bounds_a_window_whose_platform_is_never_idle():
    clock = FakeClock(0)
    stand = Stand(lambda session, *_: session.step("go", lambda: clock.advance_ns(30 * MS)), clock)
    job = stand.job([20 * MS * turn for turn in range(1000)], patience_ns=500 * MS)
    with Runner(1) as runner:
        runner.run(job)
    assert 1000 <= job.window.active_ns / MS <= 1600
    assert job.window.measured_ns > job.window.active_ns
    assert len(stand.samples()) == job.window.next_turn


def test_lateness_is_the_generators_own_only_where_a_worker_was_waiting():
    clock = FakeClock(0)
    stand = Stand(lambda session, *_: session.step("go", lambda: clock.advance_ns(250 * MS)), clock)
    job = stand.job([0, 300 * MS, 400 * MS, 2000 * MS], length_ns=5 * S)
    with Runner(1) as runner:
        runner.run(job)
    assert job.lateness_ns.tolist() == [
        0,
        0,
    ]  # 0 itself was due when it was claimed; 400 found the worker busy


def test_warm_up_counts_turns_down_from_minus_one():
    turns = []
    stand = Stand(lambda session, *_: turns.append(session.turn), FakeClock(0))
    with Runner(1) as runner:
        runner.run(stand.job(None, end=4, warmup=True))
    assert turns == [-1, -2, -3, -4]


def test_a_failing_journey_stops_nothing():
    def breaks(session, *_):
        raise ZeroDivisionError

    stand = Stand(breaks, MonotonicClock(), workers=4)
    with Runner(4) as runner:
        runner.run(stand.job(None, end=100))
    samples = stand.samples()
    assert len(samples) == 100
    assert samples.errors == ("", "ZeroDivisionError")
    assert set(samples.error.tolist()) == {1}


def test_a_wrong_scenario_ends_the_run_with_its_error():
    stand = Stand(lambda session, *_: session.step("gone", lambda: None), MonotonicClock(), workers=2)
    with Runner(2) as runner, pytest.raises(UsageError, match="'gone'"):
        runner.run(stand.job(None, end=100))


def test_a_set_stop_ends_the_window_soon_with_all_samples_kept():
    stand = Stand(quick, MonotonicClock(), workers=3)
    stop = Event()
    with Runner(3) as runner:
        timer = Timer(0.2, stop.set)
        timer.start()
        before = time.monotonic()
        runner.run(stand.job([50 * MS * turn for turn in range(10_000)], length_ns=600 * S), stop=stop)
        timer.join()
    assert time.monotonic() - before < 10
    assert len(stand.samples()) >= 2


def test_a_hung_turn_is_left_behind_and_its_worker_replaced():
    released, began = Event(), []

    def hangs(session, *_):
        began.append(session.turn)
        if session.turn == 0:
            session.step("go", released.wait)

    stand = Stand(hangs, MonotonicClock(), workers=2)
    with Runner(2) as runner:
        job = stand.job([0, 10 * MS], length_ns=30 * MS, patience_ns=0)
        hung = runner.run(job, drain_s=0.1)
        assert len(hung) == 1
        assert runner.run(stand.job(None, first=5, end=6)) == set()
        released.set()
    assert sorted(began) == [0, 1, 5]


def test_starts_that_no_worker_could_begin_are_named_with_the_instants_they_were_due():
    released = Event()
    stand = Stand(lambda session, *_: released.wait(), MonotonicClock())
    job = stand.job([0, 10 * MS, 20 * MS, 900 * S], length_ns=50 * MS, patience_ns=0)
    with Runner(1) as runner:
        assert runner.run(job, drain_s=0.1) == {0}
        assert [b - a for a, b in zip(*[iter(job.window.unserved())] * 2, strict=True)] == [10 * MS]
        released.set()


def test_a_runner_without_workers_is_refused():
    with pytest.raises(UsageError, match="workers is 0"):
        Runner(0)

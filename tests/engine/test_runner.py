"""Workers play the journey at its intended starts, survive what it does, and end when they are asked to."""

import time
from threading import Event, Timer

import pytest

from tailguard.base.clock import MonotonicClock
from tailguard.base.errors import UsageError
from tailguard.engine.runner import Runner
from tailguard.engine.scenario_execution import TIMED_OUT
from tests.support.fake_clock import FakeClock
from tests.support.stand import MS, S, Stand


def quick(it):
    it.step("go", lambda: None)


def test_each_start_is_played_once_at_its_time_and_a_window_ends_at_the_first_start_beyond_it():
    clock = FakeClock(5 * S)
    stand = Stand(quick, clock)
    job = stand.job([0, 300 * MS, 900 * MS, 1100 * MS])
    with Runner(1) as runner:
        runner.run(job)
    assert [at - 5 * S for at in stand.samples().started_ns.tolist()] == [0, 300 * MS, 900 * MS]
    assert job.window.next_index == 3


def test_the_next_window_continues_the_schedule_where_the_last_one_ended():
    clock = FakeClock(0)
    numbers = []
    stand = Stand(lambda it: numbers.append(it.number), clock)
    starts = [100 * MS * index for index in range(20)]
    first = stand.job(starts, length_ns=450 * MS)
    with Runner(1) as runner:
        runner.run(first)
        clock.advance_ns(60 * S)
        runner.run(stand.job(starts, first=first.window.next_index, from_ns=first.window.active_ns))
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 10


def test_a_window_goes_on_through_a_stall_so_that_the_requests_it_hits_are_not_left_out():
    """A stall that begins just before the window ends delays the starts that fall into it: they are its own."""
    clock = FakeClock(0)
    stand = Stand(
        lambda it: it.step("go", lambda: clock.advance_ns(500 * MS if it.number == 9 else MS)), clock
    )
    with Runner(1) as runner:
        runner.run(stand.job([100 * MS * index for index in range(40)]))
    responses = stand.samples().response_ms("go")
    assert responses[:9].tolist() == [1.0] * 9
    assert responses[9:15].tolist() == [500.0, 401.0, 302.0, 203.0, 104.0, 5.0]


def test_patience_bounds_a_window_whose_platform_is_never_idle():
    clock = FakeClock(0)
    stand = Stand(lambda it: it.step("go", lambda: clock.advance_ns(30 * MS)), clock)
    job = stand.job([20 * MS * index for index in range(1000)], patience_ns=500 * MS)
    with Runner(1) as runner:
        runner.run(job)
    assert 1000 <= job.window.active_ns / MS <= 1600
    assert job.window.measured_ns > job.window.active_ns
    assert len(stand.samples()) == job.window.next_index


def test_lateness_is_the_generators_own_only_if_a_user_was_waiting():
    clock = FakeClock(0)
    stand = Stand(lambda it: it.step("go", lambda: clock.advance_ns(250 * MS)), clock)
    job = stand.job([0, 300 * MS, 400 * MS, 2000 * MS], length_ns=5 * S)
    with Runner(1) as runner:
        runner.run(job)
    # 0 itself was due when it was claimed; 400 found the user busy
    assert stand.execution.lateness_ns.tolist() == [0, 0]


def test_warm_up_counts_iterations_down_from_minus_one_and_keeps_no_sample():
    numbers = []

    def journey(it):
        numbers.append(it.number)
        it.step("go", lambda: None)

    stand = Stand(journey, FakeClock(0))
    with Runner(1) as runner:
        runner.run(stand.job(None, end=4, warmup=True))
    assert numbers == [-1, -2, -3, -4]
    assert len(stand.samples()) == 0


def test_iterations_may_be_numbered_from_where_others_have_ended():
    numbers = []
    stand = Stand(lambda it: numbers.append(it.number), FakeClock(0))
    with Runner(1) as runner:
        runner.run(stand.job(None, end=2, numbered_from=500, warmup=True))
        runner.run(stand.job(None, end=3, numbered_from=500))
    assert numbers == [-501, -502, 500, 501, 502]


def test_a_failing_journey_stops_nothing():
    def breaks(it):
        raise ZeroDivisionError

    stand = Stand(breaks, MonotonicClock(), users=4)
    with Runner(4) as runner:
        runner.run(stand.job(None, end=100))
    assert stand.errors() == ["ZeroDivisionError"] * 100


def test_a_wrong_scenario_ends_the_run_with_its_error():
    stand = Stand(lambda it: it.step("gone", lambda: None), MonotonicClock(), users=2)
    with Runner(2) as runner, pytest.raises(UsageError, match="'gone'"):
        runner.run(stand.job(None, end=100))


def test_a_set_stop_ends_the_window_soon_with_all_samples_kept():
    stand = Stand(quick, MonotonicClock(), users=3)
    stop = Event()
    with Runner(3) as runner:
        timer = Timer(0.2, stop.set)
        timer.start()
        before = time.monotonic()
        runner.run(stand.job([50 * MS * index for index in range(10_000)], length_ns=600 * S), stop=stop)
        timer.join()
    assert time.monotonic() - before < 10
    assert len(stand.samples()) >= 2


@pytest.mark.system
def test_a_hung_iteration_is_left_behind_and_its_worker_replaced():
    released, began = Event(), []

    def hangs(it):
        began.append(it.number)
        if it.number == 0:
            it.step("go", released.wait)

    stand = Stand(hangs, MonotonicClock(), users=2)
    with Runner(2) as runner:
        job = stand.job([0, 10 * MS], length_ns=30 * MS, patience_ns=0)
        runner.run(job, drain_s=0.1)
        stand.execution.settle(job.window)
        later = stand.job(None, first=5, end=6)
        runner.run(later)
        stand.execution.settle(later.window)
        released.set()
    assert sorted(began) == [0, 1, 5]
    assert stand.errors() == [TIMED_OUT]


@pytest.mark.system
def test_starts_that_no_user_could_begin_are_named_with_the_instants_they_were_due():
    released = Event()
    stand = Stand(lambda it: released.wait(), MonotonicClock())
    job = stand.job([0, 10 * MS, 20 * MS, 900 * S], length_ns=50 * MS, patience_ns=0)
    with Runner(1) as runner:
        runner.run(job, drain_s=0.1)
        first, second = job.window.unserved_ns()
        assert second - first == 10 * MS
        released.set()


def test_a_runner_without_workers_is_refused():
    with pytest.raises(UsageError, match="workers is 0"):
        Runner(0)

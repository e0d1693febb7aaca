"""One scenario on one worker: what its users play becomes samples, and what goes wrong is counted."""

import threading
import time
from contextlib import ExitStack

import numpy as np
import pytest

from tailguard.base.clock import MonotonicClock
from tailguard.engine.workload import PlainScenario
from tailguard.locust.worker.arrival_shard import ClosedShard, OpenShard
from tailguard.locust.worker.outbox import Outbox
from tailguard.locust.worker.scenario_executor import ScenarioExecutor
from tailguard.suite.run import Run, Shard
from tests.support.waiting import eventually

REFUSED = type("Refused", (Exception,), {})
BROKEN = type("Broken", (Exception,), {})


def executor_of(platform, *, step="step", arrivals=None, tell=lambda *_: None, shard=None, first=0):
    """Who plays a scenario of one step that asks this platform."""
    clock, shard = MonotonicClock(), shard or Shard()
    scenario = PlainScenario(
        "walk", lambda it: it.step(step, platform, it.number), ("step",), refusals=(REFUSED,)
    )
    arrivals = arrivals or ClosedShard(shard, clock)
    return ScenarioExecutor(scenario, arrivals, clock, tell, run=Run("r1", 1), shard=shard, first=first)


def samples_of(executor):
    outbox = Outbox("r1")
    outbox.add("walk", executor)
    for _ in outbox.cut():
        pass
    return outbox.samples("walk")


def test_refusals_failures_and_what_never_came_back_are_samples_of_their_own():
    stuck = threading.Event()

    def platform(number):
        if number == 5:
            stuck.wait(60)
        if number % 7 == 1:
            raise REFUSED
        if number % 7 == 2:
            raise BROKEN

    told_of = []
    executor = executor_of(platform, tell=lambda *told: told_of.append(told))
    executor.warm_up(2)
    with ExitStack() as stack:
        users = [stack.enter_context(executor.user()) for _ in range(2)]
        threads = [
            threading.Thread(target=lambda u=u: [executor.play(u) for _ in range(10)], daemon=True)
            for u in users
        ]
        for thread in threads:
            thread.start()
        eventually(lambda: sum(thread.is_alive() for thread in threads) == 1)  # the one that is stuck
        executor.finish(0.1)
        stuck.set()
        for thread in threads:
            thread.join()
    samples = samples_of(executor)
    kinds = [samples.errors[number] for number in samples.error]
    assert {"Refused", "Broken", "TimedOut"} <= set(kinds)
    assert kinds.count("TimedOut") == 1
    assert executor.warmed_up == 2
    assert {name for name, _, _ in told_of} == {"walk.step", "walk.step (refused)"}
    assert {kind for _, _, kind in told_of} >= {"", "Broken"}
    assert len(told_of) == len(samples)


def test_starts_that_found_nobody_are_errors_and_not_left_out():
    clock = MonotonicClock()
    arrivals = OpenShard(np.array([0, 1, 2]), Shard(), clock)
    arrivals.begin(clock.now_ns())
    executor = executor_of(print, arrivals=arrivals)
    time.sleep(0.001)
    executor.finish(0.0)
    samples = samples_of(executor)
    assert [samples.errors[number] for number in samples.error] == ["NotServed"] * 3


def test_a_user_whom_locust_stops_in_mid_iteration_leaves_no_sample_and_is_counted():
    class Stopped(BaseException):
        pass

    def stopped(number):
        raise Stopped

    executor = executor_of(stopped)
    with executor.user() as user, pytest.raises(Stopped):
        executor.play(user)
    assert (executor.cut_off, executor.ended, len(samples_of(executor))) == (1, 0, 0)


def test_a_journey_that_times_an_undeclared_step_is_broken_and_says_so():
    executor = executor_of(print, step="stp")
    with executor.user() as user:
        executor.play(user)
        assert "'stp'" in executor.ledger().broken
        assert not executor.play(user)


def test_no_two_users_of_a_run_have_the_same_number():
    with ExitStack() as stack:
        numbers = {
            stack.enter_context(each.user()).iteration.user
            for each in (executor_of(print, shard=Shard(index, 3)) for index in range(3))
            for _ in range(4)
        }
    assert numbers == set(range(12))


def test_rows_that_were_taken_away_are_not_taken_again():
    executor = executor_of(lambda number: None)
    with executor.user() as user:
        executor.play(user)
        assert len(executor.drain()) > 0
        executor.play(user)
        executor.finish(0.0)
    assert len(samples_of(executor)) == 1
    assert len(executor.drain()) == 0


def test_the_warm_up_of_a_used_target_does_what_no_earlier_run_did():
    played = []
    executor = executor_of(played.append, first=100)
    executor.warm_up(2)
    assert played == [-101, -102]

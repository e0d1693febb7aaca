"""One scenario on one worker: what its users play becomes samples, and what goes wrong is counted."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from tailguard.base.clock import MonotonicClock
from tailguard.engine.scenario import Scenario
from tailguard.http.remote_target import Shard
from tailguard.locust.worker.arrival_shard import ClosedShard, OpenShard
from tailguard.locust.worker.scenario_executor import BoundScenario, ScenarioExecutor

REFUSED = type("Refused", (Exception,), {})
BROKEN = type("Broken", (Exception,), {})


def journey(session, platform, data):
    session.step("step", platform, session.turn)


def executor_of(platform, *, play=journey, arrivals=None, tell=lambda *_: None):
    """Who plays a scenario of one step that asks this platform."""
    clock = MonotonicClock()
    scenario = Scenario(
        "walk", "Walk", ("step",), frozenset(), play, lambda *_: None, lambda *_: [], (REFUSED,)
    )
    bound = BoundScenario(scenario, platform, None)
    return ScenarioExecutor(bound, arrivals or ClosedShard(Shard(), clock), clock, tell)


def test_refusals_failures_and_what_never_came_back_are_samples_of_their_own():
    stuck = threading.Event()

    def platform(turn):
        if turn == 5:
            stuck.wait(5)
        if turn % 7 == 1:
            raise REFUSED
        if turn % 7 == 2:
            raise BROKEN

    told_of = []
    executor = executor_of(platform, tell=lambda *told: told_of.append(told))
    executor.warm_up(2, Shard())
    sessions = [executor.session() for _ in range(2)]
    threads = [
        threading.Thread(target=lambda s=s: [executor.play(s) for _ in range(10)], daemon=True)
        for s in sessions
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    executor.finish(0.1)
    stuck.set()
    for thread in threads:
        thread.join()
    samples = executor.recorder.samples("walk", ("step",), executor.errors.names())
    kinds = [samples.errors[number] for number in samples.error]
    assert {"Refused", "Broken", "TimedOut"} <= set(kinds)
    assert kinds.count("TimedOut") == 1
    assert executor.warmed_up == 2
    assert {name for name, _, _ in told_of} == {"walk.step", "walk.step (refused)"}
    assert {kind for _, _, kind in told_of} >= {"", "Broken"}


def test_starts_that_found_nobody_are_errors_and_not_left_out():
    clock = MonotonicClock()
    arrivals = OpenShard(np.array([0, 1, 2]), Shard(), clock)
    arrivals.begin(clock.now_ns())
    executor = executor_of(print, arrivals=arrivals)
    time.sleep(0.001)
    executor.finish(0.0)
    samples = executor.recorder.samples("walk", ("step",), executor.errors.names())
    assert [samples.errors[number] for number in samples.error] == ["NotServed"] * 3


def test_a_user_whom_locust_stops_in_mid_iteration_leaves_no_sample_and_is_counted():
    class Stopped(BaseException):
        pass

    def stopped(turn):
        raise Stopped

    executor = executor_of(stopped)
    with pytest.raises(Stopped):
        executor.play(executor.session())
    assert (executor.cut_off, executor.ended, len(executor.recorder)) == (1, 0, 0)


def test_a_journey_that_times_an_undeclared_step_is_broken_and_says_so():
    def misspelt(session, platform, data):
        session.step("stp", platform, 1)

    executor = executor_of(print, play=misspelt)
    executor.play(executor.session())
    assert "'stp'" in executor.ledger().broken
    assert not executor.play(SimpleNamespace())

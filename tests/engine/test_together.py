"""Calls that start at one instant."""

import threading

import pytest

from tailguard.base.errors import UsageError
from tailguard.engine.iteration.async_iteration import AsyncIteration
from tailguard.record.samples import OK
from tests.support.iteration_stage import RefusedError, Stage


@pytest.fixture
def stage():
    return Stage()


def test_calls_meet_and_their_values_come_back_in_order(stage):
    meeting = threading.Barrier(3)  # would break if one of them ran after another

    def meets(value):
        def call():
            meeting.wait(60)
            return value

        return call

    assert stage.begin().together(*map(meets, "abc")) == ["a", "b", "c"]


def test_what_a_call_raised_stands_in_its_place_and_the_step_is_one_sample(stage):
    refused = RefusedError("somebody was first")
    it = stage.begin()
    first, second = it.step("one", it.together, lambda: 7, stage.takes(5, raises=refused))
    assert (first, second) == (7, refused)
    assert stage.outcomes() == [("one", OK, "")]
    assert stage.times() == [(1000, 1000, 1005)]


def test_a_user_keeps_its_threads_and_so_their_connections(stage):
    it = stage.begin()
    seen = {name for _ in range(20) for name in it.together(*[lambda: threading.current_thread().name] * 2)}
    assert len(seen) == 2


def test_a_mistake_of_the_scenario_is_no_answer(stage):
    def mistaken():
        raise UsageError("step in step")

    with pytest.raises(UsageError, match="step in step"):
        stage.begin().together(mistaken, lambda: 1)


def test_an_async_journey_is_told_its_own_way():
    with pytest.raises(UsageError, match=r"await asyncio\.gather"):
        Stage(kind=AsyncIteration).begin().together(lambda: 1)

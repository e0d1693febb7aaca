"""An async iteration times awaited steps, also overlapping ones, each from the right start."""

import asyncio

import pytest

from tailguard.base.errors import UsageError
from tailguard.engine.iteration.answers import Timed
from tailguard.engine.iteration.async_iteration import AsyncIteration
from tailguard.record.samples import CONFLICT, ERROR, OK
from tests.support.iteration_stage import DeadlockError, Stage


@pytest.fixture
def stage():
    return Stage(kind=AsyncIteration)


def takes(stage, ns, *, value=None, raises=None):
    """Return an async call that takes so long, once the loop has gone round."""
    call = stage.takes(ns, value=value, raises=raises)

    async def later():
        await asyncio.sleep(0)
        return call()

    return later


def test_the_first_step_is_timed_from_the_intended_start_and_later_ones_from_their_own(stage):
    async def journey(it):
        stage.clock.advance_ns(30)
        assert await it.step("one", takes(stage, 50, value="answer")) == "answer"
        await it.step("two", stage.takes(7))

    stage.play_async(journey, 900)
    assert stage.times() == [(930, 1030, 1080), (1080, 1080, 1087)]


def test_steps_may_overlap_and_each_has_its_own_time(stage):
    async def journey(it):
        await asyncio.gather(it.step("one", takes(stage, 50)), it.step("two", takes(stage, 7)))

    stage.play_async(journey, 900)
    assert stage.times() == [(900, 1000, 1050), (1000, 1000, 1057)]


def test_a_with_block_is_a_step_too(stage):
    async def journey(it):
        with it.step("one"):
            await takes(stage, 50)()

    stage.play_async(journey, 900)
    assert stage.times() == [(900, 1000, 1050)]


def test_what_an_awaited_call_raises_is_one_sample_alone_or_in_a_group(stage):
    async def alone(it):
        await it.step("one", takes(stage, 5, raises=DeadlockError()))

    async def grouped(it):
        async with asyncio.TaskGroup() as group:
            group.create_task(it.step("one", takes(stage, 5, raises=DeadlockError())))

    stage.play_async(alone)
    stage.play_async(grouped)
    assert stage.outcomes() == [("one", ERROR, "DeadlockError (40P01)")] * 2


def test_what_the_journey_raises_makes_the_step_before_it_wrong(stage):
    async def journey(it):
        await it.step("one", takes(stage, 5))
        raise ValueError("a wrong answer")

    async def before_any_step(it):
        raise LookupError("nothing to do")

    stage.play_async(journey)
    stage.play_async(before_any_step)
    assert [outcome for _, outcome, _ in stage.outcomes()] == [ERROR, ERROR]
    assert [error for *_, error in stage.outcomes()] == ["ValueError", "LookupError"]


def test_refusals_and_timed_values_are_read_as_those_of_other_iterations(stage):
    async def journey(it):
        assert await it.step("one", takes(stage, 50, value=Timed("row", retries=2))) == "row"
        with pytest.raises(KeyError):
            await it.step("two", takes(stage, 5, raises=KeyError("sold out")))

    stage = Stage(kind=AsyncIteration, refusals=[KeyError])
    stage.play_async(journey)
    assert stage.outcomes() == [("one", OK, ""), ("two", CONFLICT, "KeyError")]
    assert stage.samples().retries.tolist() == [2, 0]


@pytest.mark.parametrize(
    ("journey", "why"),
    [
        ("it.step('one', call)", r"line \d+: step 'one' was never awaited: write `await it...`"),
        ("it.pause(1.0)", r"line \d+: pause\(1.0\) was never awaited"),
        ("await it.step('one', nested, it)", "step 'two' in step 'one': steps do not lie in each other"),
        ("await it.step('one', pausing, it)", r"pause\(1\) in step 'one'"),
        ("await it.pause(-1)", r"pause\(-1\): give a time"),
        ("tasks.append(asyncio.create_task(it.step('one', asyncio.sleep, 60))); await asyncio.sleep(0)",
         "step 'one' was still on its way when its iteration ended"),
    ],
)  # fmt: skip
def test_misuse_is_named(stage, journey, why):
    async def nested(it):
        await it.step("two", takes(stage, 1))

    async def pausing(it):
        await it.pause(1)

    names = {"call": takes(stage, 1), "nested": nested, "pausing": pausing, "asyncio": asyncio, "tasks": []}
    exec(f"async def written(it):\n    {journey}", names)  # the text above
    with pytest.raises(UsageError, match=why):
        stage.play_async(names["written"])

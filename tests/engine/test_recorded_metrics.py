"""What a journey records beside its steps is kept raw, apart from the samples, on every way that samples go."""

import asyncio

import numpy as np
import pytest

from tailguard.base.errors import UsageError
from tailguard.engine.iteration.async_iteration import AsyncIteration
from tailguard.engine.measure import measure
from tailguard.engine.schedule import Closed
from tailguard.engine.summary import summarise
from tailguard.engine.workload import Load, PlainScenario, Workload
from tailguard.locust.master.inbox import checks
from tailguard.locust.master.inbox.merge import WorkerRows, merge_parts
from tailguard.locust.messages import Chunk
from tailguard.record.samples.pack import pack_samples, unpack_samples
from tailguard.record.samples.parquet import read_samples, write_samples
from tailguard.record.samples.pooling import pool
from tests.support.fake_clock import FakeClock
from tests.support.iteration_stage import Stage


def measured(journey, **load):
    load = {"schedule": Closed(1, 60), "max_samples": 4, **load}
    return measure([Workload(PlainScenario("shop", journey), Load(**load))], clock=FakeClock(5))["shop"]


def queue(it):
    it.step("look", lambda: None)
    it.record("queue_depth", it.number * 1.5)
    it.record("cache_hit", it.number % 2 == 0)
    assert it.number != 2, "the step before is wrong, not what was recorded"


def recorded(samples, name):
    return samples.recorded.of(name).tolist()


def test_recorded_numbers_are_no_samples_and_a_failure_after_them_is_the_steps():
    samples = measured(queue, warmup=2).samples
    assert (len(samples), samples.steps) == (4, ("look",))
    assert recorded(samples, "queue_depth") == [0, 1.5, 3.0, 4.5]
    assert recorded(samples, "cache_hit") == [1, 0, 1, 0]
    assert samples.outcome.tolist() == [0, 0, 2, 0]
    summary = summarise(samples)
    assert (summary.counts.total, list(summary.steps)) == (4, ["look"])
    depth, hit = summary.metrics["queue_depth"], summary.metrics["cache_hit"]
    assert (depth.n, depth.values.max, depth.rate, hit.rate) == (4, 4.5, None, 0.5)


def test_six_decimals_and_both_signs_are_kept():
    samples = measured(lambda it: it.record("balance", -123456789.123456), max_samples=1).samples
    assert recorded(samples, "balance") == [-123456789.123456]


def test_they_come_back_from_every_file(tmp_path):
    samples = {"shop": measured(queue).samples}
    write_samples(tmp_path / "s.parquet", samples)
    pack_samples(tmp_path / "s.npz", samples)
    for found in (read_samples(tmp_path / "s.parquet"), unpack_samples(tmp_path / "s.npz")):
        assert found["shop"].recorded.names == ("queue_depth", "cache_hit")
        assert recorded(found["shop"], "queue_depth") == [0, 1.5, 3.0, 4.5]
        assert np.array_equal(found["shop"].recorded.at_ns, samples["shop"].recorded.at_ns)
        assert found["shop"].outcome.tolist() == [0, 0, 2, 0]


def test_those_of_several_processes_are_one():
    def other(it):
        it.step("pay", lambda: None)
        it.record("cache_hit", True)

    pooled = pool([measured(queue).samples, measured(other).samples])
    assert (pooled.steps, pooled.recorded.names) == (("look", "pay"), ("queue_depth", "cache_hit"))
    assert sorted(recorded(pooled, "cache_hit")) == [0, 0, 1, 1, 1, 1, 1, 1]
    assert sorted(recorded(pooled, "queue_depth")) == [0, 1.5, 3.0, 4.5]


def rows_of(numbers):
    stage = Stage(steps=("look",))
    for number in numbers:
        stage.play(lambda it, number=number: (it.step("look", stage.takes(7)), it.record("depth", number)))
    return bytes(stage.recorder.buffer + stage.iteration.values.buffer)


def test_a_locust_master_takes_those_of_its_workers_on_its_own_clock():
    parts = [
        WorkerRows([rows_of([1, 2])], ("look",), ("",), 0, metrics=("depth",)),
        WorkerRows([rows_of([3])], ("look",), ("",), 10**9, metrics=("depth",)),
    ]
    samples = merge_parts("shop", parts, ("before", "look"))
    assert samples.steps == ("before", "look")
    assert recorded(samples, "depth") == [1, 2, 3]
    assert len(samples) == 3


@pytest.mark.parametrize(
    ("metrics", "fault"),
    [(("depth",), ""), ((), "a value of metric 0, of 0"), (("look",), "it names 1 metrics")],
)
def test_a_chunk_with_values_that_cannot_be_is_dropped(metrics, fault):
    chunk = Chunk(
        run="r1",
        number=0,
        scenario="shop",
        rows=rows_of([10**9]),
        steps=("look",),
        errors=("",),
        metrics=metrics,
    )
    met = {"steps": 1, "errors": 1, "metrics": 0}
    assert fault in checks.chunk_fault(chunk, met, checks.Window(0, 10**6))
    assert bool(fault) == bool(checks.chunk_fault(chunk, met, checks.Window(0, 10**6)))


def test_an_async_journey_records_without_awaiting():
    stage = Stage(kind=AsyncIteration)

    async def journey(it):
        await it.step("one", asyncio.sleep, 0)
        it.record("depth", np.int64(3))

    stage.play_async(journey)
    assert len(stage.iteration.values) == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e13, "17", None])
def test_what_is_not_a_number_is_refused(value):
    stage = Stage()
    with pytest.raises(UsageError, match=r"record\('depth', .*give a number up to 1e\+12, True or False"):
        stage.begin().record("depth", value)


def test_a_step_cannot_have_the_name_of_what_was_recorded_before():
    iteration = Stage(steps=()).begin()
    iteration.record("size", 1)
    with pytest.raises(UsageError, match="step 'size': a metric has that name: give one of them another"):
        iteration.step("size", int)


def test_a_metric_has_a_name_of_its_own_on_one_line():
    with pytest.raises(UsageError, match="metric 'one': a step has that name: give one of them another"):
        Stage().begin().record("one", 1)
    with pytest.raises(UsageError, match=r"metric ' x': a metric's name is one line"):
        Stage().begin().record(" x", 1)

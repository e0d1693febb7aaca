"""What one unit of each thing costs: `make benchmark`, saved as JSON by pytest-benchmark. Figures, not guards."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from perf.world import World, open_world
from tailguard.base.clock import MonotonicClock
from tailguard.config.merge import load_config
from tailguard.engine.iteration import Session
from tailguard.engine.placement import choose_placement, pinned
from tailguard.engine.recorder import ErrorKinds, Recorder
from tailguard.engine.scenario import Scenario
from tailguard.judge.decision import judge_stream
from tailguard.record.samples import ERROR
from tailguard.suite.registry import named_scenarios
from tests.support.suite import SUITE

pytestmark = pytest.mark.benchmark

IN_PROCESS = (
    "registration",
    "result_submission",
    "websocket_broadcast",
    "economy_transfer",
    "certificate_upload",
)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """One world with all that the scenarios need, on cores as in a run."""
    placement = choose_placement()
    needs = frozenset({"postgres", "s3", "websocket"})
    with (
        pinned(placement),
        open_world(load_config("smoke", environ={}), needs, "costs", placement=placement) as world,
    ):
        yield world


def session_of(scenario: Scenario, recorder: Recorder) -> Session:
    return Session(
        scenario.steps,
        scenario.refusals,
        worker=0,
        clock=MonotonicClock(),
        recorder=recorder,
        errors=ErrorKinds(),
    )


def test_recording_a_sample(benchmark: BenchmarkFixture) -> None:
    append = Recorder().append
    benchmark.pedantic(append, (10**12, 10**12 + 10, 10**12 + 10**6, 0), rounds=200, iterations=1000)


def test_timing_a_step_that_does_nothing(benchmark: BenchmarkFixture) -> None:
    scenario = named_scenarios(SUITE, ["registration"])[0]
    session = session_of(scenario, Recorder())

    def turn() -> None:
        session.begin(1, 0)
        session.step("register", int)

    benchmark.pedantic(turn, rounds=200, iterations=200)


@pytest.mark.parametrize("dependence", ["bursty", "independent"])
def test_a_whole_decision_over_20000_samples(benchmark: BenchmarkFixture, dependence: Any) -> None:
    exceed = np.random.default_rng(1).random(20_000) < 0.048
    benchmark.pedantic(judge_stream, (exceed, 0.95), {"dependence": dependence}, rounds=20)


@pytest.mark.parametrize("slug", IN_PROCESS)
def test_one_turn_of_a_scenario(benchmark: BenchmarkFixture, world: World, slug: str) -> None:
    scenario = named_scenarios(SUITE, [slug])[0]
    settings = load_config("smoke", environ={}).scenario(slug)
    data = scenario.prepare(world, settings)
    recorder = Recorder()
    session = session_of(scenario, recorder)
    turns = iter(range(10**6))

    def turn() -> None:
        session.begin(next(turns), MonotonicClock().now_ns())
        scenario.journey(session, world.platform, data)

    benchmark.pedantic(turn, rounds=100, warmup_rounds=10)
    outcomes = recorder.samples(slug, scenario.steps, ErrorKinds().names()).outcome
    assert not (outcomes == ERROR).any(), "a turn that fails is no cost of the platform"


def test_every_default_scenario_has_its_unit_cost() -> None:
    assert tuple(load_config("smoke", environ={}).get("scenarios")) == IN_PROCESS

"""What one unit of each thing costs: `make benchmark`, saved as JSON by pytest-benchmark. Figures, not guards."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from perf.platform import REFUSALS
from reference.database import create_tables
from reference.seed import Seeded, seed_platform
from tailguard.base.clock import MonotonicClock
from tailguard.config.merge import load_config
from tailguard.engine.iteration import Iteration
from tailguard.engine.iteration.answers import Refusals
from tailguard.engine.iteration.context import IterationContext
from tailguard.engine.iteration.step_names import StepNames
from tailguard.engine.placement import choose_placement, pinned
from tailguard.engine.recorder import Recorder
from tailguard.judge.decision import judge_stream
from tailguard.postgres import Database
from tailguard.record.samples import ERROR
from tailguard.s3 import S3Server
from tests.support.played import bound, built_ins, postgres_of

pytestmark = pytest.mark.benchmark

IN_PROCESS = (
    "registration",
    "result_submission",
    "websocket_broadcast",
    "economy_transfer",
    "certificate_upload",
)


@pytest.fixture(scope="module")
def seeded(module_database: Database) -> Seeded:
    """The rows of a whole run."""
    create_tables(module_database.conninfo)
    return seed_platform(module_database.conninfo)


def test_recording_a_sample(benchmark: BenchmarkFixture) -> None:
    recorder = Recorder()
    row = (10**12, 10**12 + 10, 10**12 + 10**6, 0)
    benchmark.pedantic(recorder.append, row, rounds=200, iterations=1000)
    assert len(recorder.samples("costs", ("step",), ("",))) >= 200_000


def test_timing_a_step_that_does_nothing(benchmark: BenchmarkFixture) -> None:
    context = IterationContext("costs", 1, "nothing", MonotonicClock(), StepNames(["step"]))
    recorder = Recorder()
    iteration = Iteration(context, recorder, 0)

    def play() -> None:
        iteration.begin(1, 0, 0)
        iteration.step("step", int)

    benchmark.pedantic(play, rounds=200, iterations=200)
    assert not (recorder.samples("nothing", ("step",), ("",)).outcome == ERROR).any()


@pytest.mark.parametrize("dependence", ["bursty", "independent"])
def test_a_whole_decision_over_20000_samples(benchmark: BenchmarkFixture, dependence: Any) -> None:
    exceed = np.random.default_rng(1).random(20_000) < 0.048
    found = benchmark.pedantic(judge_stream, (exceed, 0.95), {"dependence": dependence}, rounds=20)
    assert found.n == 20_000, "a stream that is decided early costs less than a whole one"


@pytest.mark.parametrize("name", IN_PROCESS)
def test_one_iteration_of_a_scenario(
    benchmark: BenchmarkFixture,
    name: str,
    module_database: Database,
    s3_server: S3Server,
    seeded: Seeded,
    tmp_path: Path,
) -> None:
    given = built_ins(tmp_path, postgres=postgres_of(module_database), s3=s3_server)
    with (
        pinned(choose_placement()),
        bound(name, given, seeded=seeded) as scenario,
        scenario.user(0) as journey,
    ):
        clock, recorder, numbers = MonotonicClock(), Recorder(), iter(range(10**6))
        names, refusals = StepNames(scenario.steps), Refusals(scenario.refusals)
        iteration = Iteration(IterationContext("costs", 1, name, clock, names, refusals), recorder, 0)

        def play() -> None:
            now_ns = clock.now_ns()
            iteration.begin(next(numbers), now_ns, now_ns)
            with suppress(*REFUSALS):
                journey(iteration)

        benchmark.pedantic(play, rounds=100, warmup_rounds=10)
    outcomes = recorder.samples(name, scenario.steps, ("",)).outcome
    assert not (outcomes == ERROR).any(), "an iteration that fails is not a cost of the platform"


def test_every_default_scenario_has_its_unit_cost() -> None:
    assert tuple(load_config("smoke", environ={}).scenarios) == IN_PROCESS

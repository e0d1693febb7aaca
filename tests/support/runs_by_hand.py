"""Runs made by hand: samples with chosen latencies in a folder, as the suite saves them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from tailguard.config.merge import load_config
from tailguard.engine.iteration.slowest import found_again
from tailguard.engine.summary import scenario_entry
from tailguard.engine.workload import Measurement
from tailguard.record.chaos import Chaos
from tailguard.record.doubt import Doubt
from tailguard.record.migration import MigrationEntry
from tailguard.record.objective import Objectives
from tailguard.record.run import Run
from tailguard.record.run_record import Ended
from tailguard.record.samples import Samples
from tailguard.record.scenario import Invariant, PoissonSchedule, ScenarioEnded, ScenarioEntry, SlowIteration
from tests.support.blank_record import a_record

HELD = Invariant(name="no tournament over capacity", held=True, expected="0", observed="0")


def samples_of(
    slug: str,
    steps: Sequence[str],
    response_ms: ArrayLike,
    *,
    outcome: ArrayLike | None = None,
    retries: ArrayLike | None = None,
    step: ArrayLike | None = None,
) -> Samples:
    """Samples 10 ms apart with the given response times; they start 1 ms after they should."""
    times_ms = np.asarray(response_ms, float)
    n = len(times_ms)
    intended_ns = np.arange(n, dtype=np.int64) * 10_000_000 + 1_000_000_000_000
    kinds = np.zeros(n, np.uint8) if outcome is None else np.asarray(outcome, np.uint8)
    return Samples(
        slug,
        tuple(steps),
        ("", "Broken"),
        intended_ns,
        intended_ns + 1_000_000,
        intended_ns + np.round(times_ms * 1e6).astype(np.int64),
        np.zeros(n, np.uint8) if step is None else np.asarray(step, np.uint8),
        kinds,
        (kinds > 0).astype(np.int32),
        np.zeros(n, np.int32) if retries is None else np.asarray(retries, np.int32),
    )


def entry_of(samples: Samples, invariants: Sequence[Invariant] = (HELD,)) -> ScenarioEntry:
    """The entry of a scenario that a punctual generator drove at 100 starts per second."""
    measurement = Measurement(
        samples=samples,
        schedule=PoissonSchedule(rate_per_s=100.0, seed=1, workers=8),
        warmup=50,
        offered_rate_per_s=100.0,
        achieved_rate_per_s=100.0,
        measured_s=len(samples) / 100,
        own_s=0.0,
        lateness_ns=np.full(len(samples), 80_000, np.int64),
        ended_because=ScenarioEnded.DECIDED,
        slowest=tuple(_slowest(samples)),
    )
    return scenario_entry(samples.scenario, measurement, invariants)


def _slowest(samples: Samples) -> Iterator[SlowIteration]:
    """Yield the first iteration, as if it were the slowest."""
    first = SlowIteration(number=0, step="", outcome="ok", at_s=0.0, response_ms=0.0)
    if found := found_again(first, samples):
        yield found


def made_run(
    folder: Path,
    *,
    invariants: Sequence[Invariant] = (HELD,),
    doubts: Sequence[Doubt] = (),
    migrations: Sequence[MigrationEntry] = (),
    chaos: Chaos | None = None,
    objectives: Objectives | None = None,
    because: str | None = None,
    **samples: Samples,
) -> Run:
    """A finished run of the given samples by slug, saved below `folder` and loaded again; nobody has judged it."""
    config = load_config("smoke", flags={"runs_dir": str(folder)}, environ={})
    run = Run.start(config, environment=a_record().environment, objectives=objectives)
    for slug, each in samples.items():
        run.add_scenario(slug, entry_of(each, invariants), each)
    run.put_doubts(doubts)
    run.put_migrations(migrations)
    if chaos is not None:
        run.put_chaos(chaos)
    run.finish(Ended.BROKE_OFF if because else Ended.COMPLETE, because)
    return Run.load(run.folder)

"""Measuring: scenarios in turn, slice by slice, until each one's question is answered or its budget spent.

Interleaving in slices thins bursts out: a noisy minute of the machine does not land on one scenario. The question is
handed in from outside (`done`); this module knows no threshold.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from threading import Event
from time import monotonic

from tailguard.base.clock import Clock, MonotonicClock
from tailguard.base.errors import UsageError
from tailguard.engine.runner import Runner
from tailguard.engine.scenario_execution import ScenarioExecution
from tailguard.engine.telemetry import Telemetry
from tailguard.engine.workload import Measurement, Pace, Workload
from tailguard.record.samples import Samples
from tailguard.record.scenario import ScenarioEnded

__all__ = ["Done", "Pace", "Progress", "Save", "measure"]

Done = Callable[[str, Samples], bool]
Save = Callable[[str, Measurement], None]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a scenario is. `left_s` is the time its budget still allows."""

    slug: str
    samples: Samples
    measured_s: float
    left_s: float
    ended_because: ScenarioEnded


_DEFAULT_PACE = Pace()


def measure(
    workloads: Sequence[Workload],
    *,
    done: Done | None = None,
    save: Save | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    stop: Event | None = None,
    pace: Pace = _DEFAULT_PACE,
    clock: Clock | None = None,
    telemetry: Telemetry | None = None,
) -> dict[str, Measurement]:
    """Measure all workloads, round robin in slices.

    Args:
        workloads: scenarios of different slugs.
        done: asked after each slice of a scenario that has its `min_samples`; True ends it.
        save: called with a scenario's measurement every few seconds and when it has ended or was interrupted.
        on_progress: called after each slice.
        stop: set by another thread to end everything at once; Ctrl-C does the same.
        pace: how scenarios take turns.
        clock: the monotonic clock, or a test's.
        telemetry: watches the machine while we measure, for the doubts.

    Returns:
        Per slug what was measured, also after an interrupt (`ended_because` is then INTERRUPTED).
    """
    slugs = [workload.scenario.slug for workload in workloads]
    if not workloads or len(set(slugs)) != len(slugs):
        raise UsageError(f"measure needs at least one scenario and each one once; it got {slugs}")
    stop = stop or Event()
    clock = clock or MonotonicClock()
    crew = max(workload.load.crew for workload in workloads)
    with _frozen_garbage(), telemetry or nullcontext(), Runner(crew) as runner:
        executions = [ScenarioExecution(workload, clock) for workload in workloads]
        saver = _Saver(save, pace.save_every_s)
        try:
            for execution in _in_turn(executions, stop):
                execution.run_slice(runner, stop, pace)
                _end_if_done(execution, done)
                saver.offer(execution)
                if on_progress is not None:
                    on_progress(_progress(execution))
        except KeyboardInterrupt:
            stop.set()
        finally:
            for execution in executions:
                execution.end(ScenarioEnded.INTERRUPTED)
            saver.flush(executions)
    return {execution.slug: execution.measurement() for execution in executions}


def _in_turn(executions: Sequence[ScenarioExecution], stop: Event) -> Iterator[ScenarioExecution]:
    """Yield the executions round robin until all have ended or `stop` is set."""
    while running := [execution for execution in executions if not execution.ended]:
        for execution in running:
            if stop.is_set():
                return
            yield execution


def _end_if_done(execution: ScenarioExecution, done: Done | None) -> None:
    if execution.ended or done is None or not execution.has_enough():
        return
    if done(execution.slug, execution.samples()):
        execution.end(ScenarioEnded.DECIDED)


def _progress(execution: ScenarioExecution) -> Progress:
    return Progress(
        execution.slug,
        execution.samples(),
        execution.measured_s,
        execution.left_s,
        execution.ended_because,
    )


class _Saver:
    """Saves each execution now and then, and once when it has ended."""

    def __init__(self, save: Save | None, every_s: float) -> None:
        self._save = save
        self._every_s = every_s
        self._last_s: dict[str, float] = {}
        self._final: set[str] = set()

    def offer(self, execution: ScenarioExecution) -> None:
        """Save if the last time is long enough ago, or this is the last one."""
        last_s = self._last_s.setdefault(execution.slug, monotonic())
        if execution.ended or monotonic() - last_s >= self._every_s:
            self._keep(execution)

    def flush(self, executions: Sequence[ScenarioExecution]) -> None:
        """Save what has ended since."""
        for execution in executions:
            if execution.slug not in self._final:
                self._keep(execution)

    def _keep(self, execution: ScenarioExecution) -> None:
        self._last_s[execution.slug] = monotonic()
        if execution.ended:
            self._final.add(execution.slug)
        if self._save is not None:
            self._save(execution.slug, execution.measurement())


@contextmanager
def _frozen_garbage() -> Iterator[None]:
    """Keep what exists before the measurement out of the collector's way: its pauses would be the platform's latency.

    Collection stays on: what the platform under test allocates in this process is its own to pay for. Whoever times
    collections does not hear of this one, for it delays no sample.
    """
    listeners, gc.callbacks[:] = list(gc.callbacks), []
    gc.collect()
    gc.callbacks[:] = listeners
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()

"""Measuring: scenarios in turn, slice by slice, until each one's question is answered or its budget spent.

Interleaving in slices thins bursts out: a noisy minute of the machine does not land on one scenario. The question is
handed in from outside (`done`); this module knows no threshold.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from threading import Event
from time import monotonic

from tailguard.base.clock import Clock, MonotonicClock
from tailguard.base.errors import UsageError
from tailguard.engine.control.control import Control
from tailguard.engine.event_loop.watch import Hold
from tailguard.engine.players import Making, Players, in_threads
from tailguard.engine.telemetry import Telemetry
from tailguard.engine.workload import Measurement, Pace, Workload
from tailguard.engine.workload_run import WorkloadRun
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
    on_held: Callable[[Hold], object] | None = None,
    run_id: str = "",
    seed: int = 1,
    players: Making = in_threads,
    control: Control | None = None,
) -> dict[str, Measurement]:
    """Measure all workloads, round robin in slices; those of a mix have theirs at once.

    All virtual users are made before the first one.

    Args:
        workloads: scenarios of different names.
        done: asked after each slice of a scenario that has its `min_samples`; True ends it.
        save: called with a scenario's measurement every few seconds and when it has ended or was interrupted.
        on_progress: called after each slice.
        stop: set by another thread to end everything at once; Ctrl-C does the same.
        pace: how scenarios take turns.
        clock: the monotonic clock, or a test's.
        telemetry: watches the machine while we measure, for the doubts.
        on_held: called at the end if a journey's own code held the event loop.
        run_id: makes the keys of the iterations unique.
        seed: of their random numbers.
        players: who plays the iterations.
        control: may change the load before each slice.

    Returns:
        Per name what was measured, also after an interrupt (`ended_because` is then INTERRUPTED).

    Raises:
        UsageError: a scenario is wrong, or what a virtual user needs cannot be made.
    """
    names = [workload.scenario.name for workload in workloads]
    if not workloads or len(set(names)) != len(names):
        raise UsageError(f"measure needs at least one scenario and each one once; it got {names}")
    stop = stop or Event()
    clock = clock or MonotonicClock()
    runs = [WorkloadRun(workload, clock, run_id=run_id, seed=seed) for workload in workloads]
    with players({run.execution: run.users for run in runs}) as made:
        saver = _Saver(save, pace.save_every_s)
        with _ended(runs, saver, stop), frozen_garbage(), telemetry or nullcontext():
            for group in in_turn(runs, stop):
                if control is not None:
                    control.before_slice(group, runs, stop)
                    if group[0].ended or stop.is_set():
                        continue
                run_slice(group, made, stop, pace)
                _end_if_done(group, done)
                for run in group:
                    saver.offer(run)
                    if on_progress is not None:
                        on_progress(_progress(run))
        if on_held is not None and (hold := made.longest_hold):
            on_held(hold)
    return {run.name: run.measurement() for run in runs}


def in_turn(runs: Sequence[WorkloadRun], stop: Event) -> Iterator[list[WorkloadRun]]:
    """Yield the workloads round robin, those of a mix together, until all have ended or `stop` is set."""
    groups: dict[str, list[WorkloadRun]] = {}
    for run in runs:
        groups.setdefault(f"mix {run.mix}" if run.mix else run.name, []).append(run)
    while running := [group for group in groups.values() if not group[0].ended]:
        for group in running:
            if stop.is_set():
                return
            yield group


def run_slice(group: Sequence[WorkloadRun], made: Players, stop: Event, pace: Pace) -> None:
    """Run the next slice of a workload, or of all workloads of a mix, each in a thread. An interrupt ends them all."""
    if len(group) == 1:
        group[0].run_slice(made, stop, pace)
        return
    with ThreadPoolExecutor(len(group), "mix") as threads:
        try:
            for running in [threads.submit(run.run_slice, made, stop, pace) for run in group]:
                running.result()
        except BaseException:
            stop.set()
            raise


def _end_if_done(group: Sequence[WorkloadRun], done: Done | None) -> None:
    """End workloads whose every limit is decided, and those of a mix with the first of them: the load is of all."""
    because = next((run.ended_because for run in group if run.ended), ScenarioEnded.RUNNING)
    if because is ScenarioEnded.RUNNING and done is not None and all(run.has_enough() for run in group):
        answers = [done(run.name, run.samples()) for run in group]
        because = ScenarioEnded.DECIDED if all(answers) else because
    if because is not ScenarioEnded.RUNNING:
        for run in group:
            run.end(because)


def _progress(run: WorkloadRun) -> Progress:
    return Progress(run.name, run.samples(), run.measured_s, run.left_s, run.ended_because)


class _Saver:
    """Saves each workload now and then, and once when it has ended."""

    def __init__(self, save: Save | None, every_s: float) -> None:
        self._save = save
        self._every_s = every_s
        self._last_s: dict[str, float] = {}
        self._final: set[str] = set()

    def offer(self, run: WorkloadRun) -> None:
        """Save if the last time is long enough ago, or this is the last one."""
        last_s = self._last_s.setdefault(run.name, monotonic())
        if run.ended or monotonic() - last_s >= self._every_s:
            self._keep(run)

    def flush(self, runs: Sequence[WorkloadRun]) -> None:
        """Save what has ended since."""
        for run in runs:
            if run.name not in self._final:
                self._keep(run)

    def _keep(self, run: WorkloadRun) -> None:
        self._last_s[run.name] = monotonic()
        if run.ended:
            self._final.add(run.name)
        if self._save is not None:
            self._save(run.name, run.measurement())


@contextmanager
def _ended(runs: Sequence[WorkloadRun], saver: _Saver, stop: Event) -> Iterator[None]:
    """End and save everything at the end of the block. An interrupt ends it, too."""
    try:
        yield
    except KeyboardInterrupt:
        stop.set()
    finally:
        for run in runs:
            run.end(ScenarioEnded.INTERRUPTED)
        saver.flush(runs)


@contextmanager
def frozen_garbage() -> Iterator[None]:
    """Keep what exists before the measurement out of the collector's way: its pauses would be the platform's latency.

    Collection stays on: what the platform under test allocates in this process counts as its own time. Callbacks
    that time collections are not called for this one, since it delays no sample.
    """
    listeners, gc.callbacks[:] = list(gc.callbacks), []
    gc.collect()
    gc.callbacks[:] = listeners
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()

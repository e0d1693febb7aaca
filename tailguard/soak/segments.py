"""A measurement without an end: virtual users live on while their samples are taken away, segment by segment."""

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Event

from tailguard.base.clock import Clock, MonotonicClock
from tailguard.engine.measure import frozen_garbage, in_turn, run_slice
from tailguard.engine.players import Making, Players, in_threads
from tailguard.engine.schedule import Poisson, Schedule
from tailguard.engine.workload import Measurement, Pace, Workload
from tailguard.engine.workload_run import WorkloadRun, execution_of
from tailguard.record.scenario import ScenarioEnded


class Segments:
    """Plays workloads for one segment after the other; memory does not grow with their number.

    Each segment has a schedule of its own, drawn from the workload's seed and the segment's number.
    """

    def __init__(
        self, workloads: Sequence[Workload], run_id: str, seed: int, clock: Clock | None = None
    ) -> None:
        self._clock = clock or MonotonicClock()
        self._workloads = workloads
        self._executions = {
            each.scenario.name: execution_of(each, self._clock, run_id, seed) for each in workloads
        }
        self._next = {each.scenario.name: each.first for each in workloads}
        self._users: Players | None = None
        self._warm = False
        self.interrupted = False  # whether somebody pressed Ctrl-C in a segment

    @contextmanager
    def users(self, players: Making = in_threads) -> Iterator[None]:
        """Make all virtual users; they live as long as the block. Raises UsageError if one cannot be made."""
        counts = {self._executions[each.scenario.name]: each.load.users for each in self._workloads}
        with players(counts) as self._users, frozen_garbage():
            yield

    def play(self, number: int, seconds: float, stop: Event, pace: Pace) -> dict[str, Measurement]:
        """Play a segment of so many seconds and return what was measured of each scenario.

        `stop` ends it at once, and an interrupt sets it. Raises UsageError if a scenario is wrong.
        """
        assert self._users is not None  # they were made
        runs = [self._run(each, number, seconds / self._turns) for each in self._workloads]
        try:
            for group in in_turn(runs, stop):
                run_slice(group, self._users, stop, pace)
        except KeyboardInterrupt:
            self.interrupted = True
            stop.set()
        finally:
            for run in runs:
                run.end(ScenarioEnded.INTERRUPTED)
        self._warm = True
        found = {run.name: run.measurement() for run in runs}
        for run in runs:
            self._next[run.name] += run.next_iteration
            run.execution.forget()
        return found

    @property
    def _turns(self) -> int:
        """How many share the time of a segment: each scenario, those of a mix together."""
        return len({each.mix or each.scenario.name for each in self._workloads})

    def _run(self, workload: Workload, number: int, seconds: float) -> WorkloadRun:
        schedule = _of_segment(workload.load.schedule, number, seconds)
        load = replace(
            workload.load,
            schedule=schedule,
            max_seconds=seconds,
            warmup=0 if self._warm else workload.load.warmup,
        )
        name = workload.scenario.name
        part = replace(workload, load=load, first=self._next[name])
        return WorkloadRun(part, self._clock, execution=self._executions[name])


def _of_segment(schedule: Schedule, number: int, seconds: float) -> Schedule:
    if isinstance(schedule, Poisson):
        seed = zlib.crc32(f"{schedule.seed}/{number}".encode())
        return replace(schedule, duration_s=seconds, seed=seed)
    return replace(schedule, duration_s=seconds)  # type: ignore[type-var]  # a soak's is constant or closed

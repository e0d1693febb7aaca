"""A workload on its way: its schedule, run window by window, until its budget is spent."""

from threading import Event

import numpy as np

from tailguard.base.clock import Clock
from tailguard.base.errors import UsageError
from tailguard.engine.control.rates import RateChange, rerated
from tailguard.engine.dispatch_window import DispatchWindow, WindowSpec
from tailguard.engine.iteration.slowest import slowest_of
from tailguard.engine.players import Players
from tailguard.engine.scenario_execution import ScenarioExecution
from tailguard.engine.schedule import Closed, starts_sha256
from tailguard.engine.workload import Measurement, Pace, Workload
from tailguard.record.samples import OK, Samples
from tailguard.record.scenario import ScenarioEnded

# A rest of the budget shorter than this is not worth a slice, and one that rounds to nothing would never be spent.
SHORTEST_SLICE_S = 0.001


def execution_of(workload: Workload, clock: Clock, run_id: str, seed: int) -> ScenarioExecution:
    """Return a new execution of a workload's scenario."""
    schedule = workload.load.schedule
    return ScenarioExecution(
        workload.scenario,
        clock,
        run_id=run_id,
        seed=seed,
        think=schedule.think if isinstance(schedule, Closed) else None,
        at_once=bool(workload.mix),
    )


class WorkloadRun:
    """One workload. A schedule is paused while other scenarios have their slice."""

    def __init__(
        self,
        workload: Workload,
        clock: Clock,
        *,
        run_id: str = "",
        seed: int = 1,
        execution: ScenarioExecution | None = None,
    ) -> None:
        """`execution` is that of the run before, whose virtual users go on; without it there is a new one."""
        schedule = workload.load.schedule
        self.execution = execution or execution_of(workload, clock, run_id, seed)
        self.users = workload.load.users
        self.ended_because = ScenarioEnded.RUNNING
        self.measured_s = 0.0
        self._workload = workload
        self._clock = clock
        starts_ns = schedule.starts_ns()
        self._starts_sha256 = starts_sha256(starts_ns)
        self._starts_ns = None if schedule.kind == "closed" else starts_ns.tolist()
        self._planned = len(starts_ns)
        for change in workload.rates if self._starts_ns is not None else ():
            self._starts_ns = self._changed(change)
        self._next_index = 0
        self._served = 0
        self._offset_ns = 0
        self._warmed_up = 0
        self._samples: Samples | None = None

    @property
    def mix(self) -> str:
        """The mix that it belongs to, "" for none."""
        return self._workload.mix

    @property
    def name(self) -> str:
        """The scenario's."""
        return self.execution.name

    @property
    def next_iteration(self) -> int:
        """How many iterations were due before the next slice."""
        return self._next_index

    @property
    def offset_ns(self) -> int:
        """The instant of its schedule at which the next slice begins."""
        return self._offset_ns

    def starts_at(self, rate_per_s: float) -> list[int]:
        """Return its starts if they came at another rate from the next slice on, to be taken by `take_starts`.

        Raises UsageError if its rate cannot change, or for an impossible one.
        """
        if self.mix:
            raise UsageError(f"the rates of the mix {self.mix} stand in a fixed ratio to each other")
        return self._changed(RateChange(self._next_index, self._offset_ns, rate_per_s))

    def take_starts(self, starts_ns: list[int]) -> None:
        """Let iterations begin at these offsets, of which those that were due already are as they were."""
        self._starts_ns = starts_ns

    def _changed(self, change: RateChange) -> list[int]:
        try:
            return rerated(self._starts_ns or [], self._workload.load.schedule, change, self._planned)
        except UsageError as error:
            raise UsageError(f"the rate of {self.name} cannot change: {error}") from error

    def run_slice(self, players: Players, stop: Event, pace: Pace) -> None:
        """Run the next piece of the schedule (the warm-up before the first); end if the budget is spent."""
        load = self._workload.load
        if self._warmed_up < load.warmup:
            self._warm_up(players, stop, pace.drain_s)
        length_s = min(pace.slice_s, max(load.max_seconds - self.measured_s, 0.0))
        spec = WindowSpec(
            starts_ns=self._starts_ns,
            first=self._next_index,
            end=load.max_samples,
            from_ns=self._offset_ns,
            length_ns=int(length_s * 1e9),
            patience_ns=int(pace.patience_s * 1e9),
            numbered_from=self._workload.first,
        )
        window = DispatchWindow(spec, self._clock)
        try:
            players.play(self.execution, self.users, window, stop, pace.drain_s)
            self.execution.settle(window, interrupted=stop.is_set())
            players.cancel(self.execution)
        finally:
            self._advance(window)
        self._end_if_spent()

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.ended_because is not ScenarioEnded.RUNNING

    def end(self, because: ScenarioEnded) -> None:
        """End it, unless it has ended already."""
        if not self.ended:
            self.ended_because = because

    def has_enough(self) -> bool:
        """Say whether every step that was met has its `min_samples` ok samples."""
        samples = self.samples()
        met = np.unique(samples.step)
        ok = np.bincount(samples.step[samples.outcome == OK], minlength=len(samples.steps))
        return len(met) > 0 and bool(ok[met].min() >= self._workload.load.min_samples)

    def samples(self) -> Samples:
        """All samples so far."""
        if self._samples is None:
            self._samples = self.execution.samples()
        return self._samples

    def measurement(self) -> Measurement:
        """What was measured so far."""
        schedule = self._workload.load.schedule
        offered = self._next_index / (self._offset_ns / 1e9) if self._offset_ns else 0.0
        return Measurement(
            samples=self.samples(),
            schedule=schedule.describe(self.users),
            warmup=self._warmed_up,
            offered_rate_per_s=None if self._starts_ns is None else offered,
            achieved_rate_per_s=self._served / self.measured_s if self.measured_s else 0.0,
            measured_s=self.measured_s,
            own_s=self.execution.own_s,
            lateness_ns=np.array(self.execution.lateness_ns, dtype=np.int64),
            ended_because=self.ended_because,
            said=self.execution.errors.said(),
            starts_sha256=self._starts_sha256,
            slowest=slowest_of(self.execution.users, self.samples()),
        )

    @property
    def left_s(self) -> float:
        """Time that the budget still allows, in seconds of this scenario's own."""
        return 0.0 if self.ended else max(self._workload.load.max_seconds - self.measured_s, 0.0)

    def _warm_up(self, players: Players, stop: Event, drain_s: float) -> None:
        """Run the declared warm-up iterations: counted, not kept."""
        load = self._workload.load
        spec = WindowSpec(
            starts_ns=None,
            first=0,
            end=load.warmup,
            from_ns=0,
            length_ns=int(load.max_seconds * 1e9),
            patience_ns=0,
            numbered_from=self._workload.first_warmup,
            warmup=True,
        )
        window = DispatchWindow(spec, self._clock)
        players.play(self.execution, self.users, window, stop, drain_s)
        players.cancel(self.execution)
        self._warmed_up = window.next_index

    def _advance(self, window: DispatchWindow) -> None:
        self._samples = None
        self._next_index = window.next_index
        self._served += window.ended
        self._offset_ns += window.active_ns
        self.measured_s += window.measured_ns / 1e9

    def _end_if_spent(self) -> None:
        load = self._workload.load
        if self._next_index >= load.max_samples:
            self.end(ScenarioEnded.ROWS_USED_UP if load.rows_used_up else ScenarioEnded.MAX_SAMPLES)
        elif self.measured_s > load.max_seconds - SHORTEST_SLICE_S:
            self.end(ScenarioEnded.MAX_SECONDS)
        elif self._schedule_ended:
            self.end(ScenarioEnded.SCHEDULE_ENDED)

    @property
    def _schedule_ended(self) -> bool:
        if self._starts_ns is None:
            return self.measured_s > self._workload.load.schedule.duration_s - SHORTEST_SLICE_S
        return self._next_index >= len(self._starts_ns)

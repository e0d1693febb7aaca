"""A workload on its way: its schedule, run window by window, and what was measured so far."""

from array import array
from threading import Event

import numpy as np

from tailguard.base.clock import Clock
from tailguard.engine.dispatch_window import DispatchWindow, WindowSpec
from tailguard.engine.iteration import Session
from tailguard.engine.recorder import ErrorKinds, Recorder, merge
from tailguard.engine.runner import Job, Runner
from tailguard.engine.workload import Measurement, Pace, Workload
from tailguard.record.samples import ERROR, OK, Samples, pack_code
from tailguard.record.scenario import ScenarioEnded

# Error kinds of our own: a turn whose worker did not come back, and one that was due but found no worker in time.
TIMED_OUT, NOT_SERVED = "TimedOut", "NotServed"

# A rest of the budget shorter than this is not worth a slice, and one that rounds to nothing would never be spent.
SHORTEST_SLICE_S = 0.001


class ScenarioExecution:
    """One workload on its way. A schedule's time stands still while other scenarios have their slice."""

    def __init__(self, workload: Workload, clock: Clock) -> None:
        self.slug = workload.scenario.slug
        self.ended_because = ScenarioEnded.RUNNING
        self.measured_s = 0.0
        self._trial = workload
        self._clock = clock
        self._errors = ErrorKinds()
        self._recorders: list[Recorder] = []
        self._sessions = [self._session(worker) for worker in range(workload.load.crew)]
        self._starts_ns = (
            None if workload.load.schedule.kind == "closed" else workload.load.schedule.starts_ns().tolist()
        )
        self._lateness_ns = array("q")
        self._next_turn = 0
        self._served = 0
        self._offset_ns = 0
        self._warmed_up = 0
        self._samples: Samples | None = None

    def run_slice(self, runner: Runner, stop: Event, pace: Pace) -> None:
        """Run the next piece of the schedule (the warm-up before the first); end if the budget is spent."""
        load = self._trial.load
        if self._warmed_up < load.warmup:
            self._warm_up(runner, stop, pace.drain_s)
        length_s = min(pace.slice_s, max(load.max_seconds - self.measured_s, 0.0))
        spec = WindowSpec(
            starts_ns=self._starts_ns,
            first=self._next_turn,
            end=load.max_samples,
            from_ns=self._offset_ns,
            length_ns=int(length_s * 1e9),
            patience_ns=int(pace.patience_s * 1e9),
        )
        job = self._job(DispatchWindow(spec, self._clock), self._sessions)
        try:
            hung = runner.run(job, stop=stop, drain_s=pace.drain_s)
            self._note_unanswered(job.window, hung, interrupted=stop.is_set())
        finally:
            self._advance(job.window)
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
        """Say whether every step has its `min_samples` ok samples."""
        samples = self.samples()
        ok = np.bincount(samples.step[samples.outcome == OK], minlength=len(samples.steps))
        return bool(ok.min() >= self._trial.load.min_samples)

    def samples(self) -> Samples:
        """All samples so far."""
        if self._samples is None:
            scenario = self._trial.scenario
            self._samples = merge(self._recorders, scenario.slug, scenario.steps, self._errors.names())
        return self._samples

    def measurement(self) -> Measurement:
        """What was measured so far."""
        load = self._trial.load
        offered = self._next_turn / (self._offset_ns / 1e9) if self._offset_ns else 0.0
        return Measurement(
            samples=self.samples(),
            schedule=load.schedule.describe(load.crew),
            warmup=self._warmed_up,
            offered_rate_per_s=None if self._starts_ns is None else offered,
            achieved_rate_per_s=self._served / self.measured_s if self.measured_s else 0.0,
            measured_s=self.measured_s,
            lateness_ns=np.array(self._lateness_ns, dtype=np.int64),
            ended_because=self.ended_because,
        )

    @property
    def left_s(self) -> float:
        """Time that the budget still allows, in seconds of this scenario's own."""
        return 0.0 if self.ended else max(self._trial.load.max_seconds - self.measured_s, 0.0)

    def _warm_up(self, runner: Runner, stop: Event, drain_s: float) -> None:
        """Run the declared warm-up turns: counted, not kept."""
        load = self._trial.load
        kept, self._recorders = self._recorders, []
        sessions = [self._session(worker) for worker in range(load.crew)]
        self._recorders = kept
        spec = WindowSpec(None, 0, load.warmup, 0, int(load.max_seconds * 1e9), 0)
        job = self._job(DispatchWindow(spec, self._clock), sessions, warmup=True)
        runner.run(job, stop=stop, drain_s=drain_s)
        self._warmed_up = job.window.next_turn

    def _session(self, worker: int) -> Session:
        recorder = Recorder()
        self._recorders.append(recorder)
        scenario = self._trial.scenario
        return Session(
            scenario.steps,
            scenario.refusals,
            worker=worker,
            clock=self._clock,
            recorder=recorder,
            errors=self._errors,
        )

    def _job(self, window: DispatchWindow, sessions: list[Session], *, warmup: bool = False) -> Job:
        workload = self._trial
        return Job(
            workload.scenario.journey,
            workload.platform,
            workload.data,
            sessions,
            window,
            warmup,
            array("q") if warmup else self._lateness_ns,
        )

    def _note_unanswered(self, window: DispatchWindow, hung: set[int], *, interrupted: bool) -> None:
        """Record what never came back and what was never begun: leaving it out would flatter the platform."""
        for worker in hung:
            self._sessions[worker].abandon(None if interrupted else TIMED_OUT)
            self._sessions[worker] = self._session(worker)
        unserved = [] if interrupted else window.unserved()
        if unserved:
            code = pack_code(0, ERROR, 0, self._errors.number(NOT_SERVED))
            now_ns = self._clock.now_ns()
            for due_ns in unserved:
                self._recorders[0].append(due_ns, now_ns, now_ns, code)

    def _advance(self, window: DispatchWindow) -> None:
        self._samples = None
        self._next_turn = window.next_turn
        self._served += window.ended
        self._offset_ns += window.active_ns
        self.measured_s += window.measured_ns / 1e9

    def _end_if_spent(self) -> None:
        load = self._trial.load
        if self._next_turn >= load.max_samples:
            self.end(ScenarioEnded.MAX_SAMPLES)
        elif self.measured_s > load.max_seconds - SHORTEST_SLICE_S:
            self.end(ScenarioEnded.MAX_SECONDS)
        elif self._schedule_ended:
            self.end(ScenarioEnded.SCHEDULE_ENDED)

    @property
    def _schedule_ended(self) -> bool:
        if self._starts_ns is None:
            return self.measured_s > self._trial.load.schedule.duration_s - SHORTEST_SLICE_S
        return self._next_turn >= len(self._starts_ns)

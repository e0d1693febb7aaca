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
from tailguard.engine.scenario_execution import Course
from tailguard.engine.telemetry import Telemetry
from tailguard.engine.workload import Measurement, Pace, Trial
from tailguard.record.samples import Samples

__all__ = ["Done", "Pace", "Progress", "Save", "measure"]

Done = Callable[[str, Samples], bool]
Save = Callable[[str, Measurement], None]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a scenario is. `left_s` is the time its budget still allows; `ended_because` is "" while it runs."""

    slug: str
    samples: Samples
    measured_s: float
    left_s: float
    ended_because: str


_DEFAULT_PACE = Pace()


def measure(
    trials: Sequence[Trial],
    *,
    done: Done | None = None,
    save: Save | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    stop: Event | None = None,
    pace: Pace = _DEFAULT_PACE,
    clock: Clock | None = None,
    telemetry: Telemetry | None = None,
) -> dict[str, Measurement]:
    """Measure all trials, round robin in slices.

    Args:
        trials: scenarios of different slugs.
        done: asked after each slice of a scenario that has its `min_samples`; True ends it.
        save: called with a scenario's measurement every few seconds and when it has ended or was interrupted.
        on_progress: called after each slice.
        stop: set by another thread to end everything at once; Ctrl-C does the same.
        pace: how scenarios take turns.
        clock: the monotonic clock, or a test's.
        telemetry: watches the machine while we measure, for the doubts.

    Returns:
        Per slug what was measured, also after an interrupt (`ended_because == "interrupted"`).
    """
    slugs = [trial.scenario.slug for trial in trials]
    if not trials or len(set(slugs)) != len(slugs):
        raise UsageError(f"measure needs at least one scenario and each one once; it got {slugs}")
    stop = stop or Event()
    clock = clock or MonotonicClock()
    crew = max(trial.load.crew for trial in trials)
    with _frozen_garbage(), telemetry or nullcontext(), Runner(crew) as runner:
        courses = [Course(trial, clock) for trial in trials]
        saver = _Saver(save, pace.save_every_s)
        try:
            for course in _in_turn(courses, stop):
                course.run_slice(runner, stop, pace)
                if (
                    not course.ended_because
                    and done
                    and course.has_enough()
                    and done(course.slug, course.samples())
                ):
                    course.end("decided")
                saver.offer(course)
                if on_progress is not None:
                    on_progress(_progress(course))
        except KeyboardInterrupt:
            stop.set()
        finally:
            for course in courses:
                course.end("interrupted")
            saver.flush(courses)
    return {course.slug: course.measurement() for course in courses}


def _in_turn(courses: Sequence[Course], stop: Event) -> Iterator[Course]:
    """Yield the courses round robin until all have ended or `stop` is set."""
    while running := [course for course in courses if not course.ended_because]:
        for course in running:
            if stop.is_set():
                return
            yield course


def _progress(course: Course) -> Progress:
    return Progress(course.slug, course.samples(), course.measured_s, course.left_s, course.ended_because)


class _Saver:
    """Saves each course now and then, and once when it has ended."""

    def __init__(self, save: Save | None, every_s: float) -> None:
        self._save = save
        self._every_s = every_s
        self._last_s: dict[str, float] = {}
        self._final: set[str] = set()

    def offer(self, course: Course) -> None:
        """Save where the last time is long enough ago, or this is the last one."""
        last_s = self._last_s.setdefault(course.slug, monotonic())
        if course.ended_because or monotonic() - last_s >= self._every_s:
            self._keep(course)

    def flush(self, courses: Sequence[Course]) -> None:
        """Save what has ended since."""
        for course in courses:
            if course.slug not in self._final:
                self._keep(course)

    def _keep(self, course: Course) -> None:
        self._last_s[course.slug] = monotonic()
        if course.ended_because:
            self._final.add(course.slug)
        if self._save is not None:
            self._save(course.slug, course.measurement())


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

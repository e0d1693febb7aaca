"""The runner: a few worker threads that take starts from a window and run the journey. One loop for every schedule."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from queue import Empty, SimpleQueue
from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import Any, Self

from tailguard.base.clock import sharpen_timers
from tailguard.base.errors import UsageError
from tailguard.engine.dispatch_window import DispatchWindow
from tailguard.engine.iteration import Session

# How often the main thread looks at a window: seldom while its time runs (longer notices a stop later), often once it
# only waits for the platform to be idle (longer leaves a gap, shorter takes the interpreter from the workers).
LOOK_S, LOOK_AT_END_S = 0.02, 0.002
# What a turn in progress is given to end once we want no more.
GRACE_S = 1.0


@dataclass(frozen=True, slots=True)
class Job:
    """What the workers do in one window: worker i drives sessions[i] through the journey.

    `lateness_ns` collects how late turns began although a worker was free; `warmup` counts turns down from -1.
    """

    journey: Callable[[Session, Any, Any], None]  # Any: the platform and the scenario's data
    platform: Any
    data: Any
    sessions: Sequence[Session]
    window: DispatchWindow
    warmup: bool = False
    lateness_ns: "array[int]" = field(default_factory=lambda: array("q"))


class Runner:
    """Worker threads that live as long as the `with` block, so that a platform may keep a connection a thread."""

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise UsageError(f"workers is {workers}; a runner needs at least 1")
        self._results: SimpleQueue[tuple[Job, int, BaseException | None]] = SimpleQueue()
        self._threads: dict[int, Thread] = {}
        self._inboxes = [self._hire(worker) for worker in range(workers)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for inbox in self._inboxes:
            inbox.put(None)
        for thread in self._threads.values():
            thread.join(GRACE_S)

    def run(self, job: Job, *, stop: Event | None = None, drain_s: float = 10.0) -> set[int]:
        """Run one window to its end.

        `drain_s` bounds the time from the window's close to the end of its last turn. A worker that is not back by then
        is left to itself and replaced. Setting `stop` ends the window at once.

        Returns:
            The workers that hung; their sessions must not be used again.

        Raises:
            UsageError: the scenario is wrong, for instance times a step that it does not declare.
        """
        working = set(range(len(job.sessions)))
        for worker in working:
            self._inboxes[worker].put(job)
        try:
            failures = self._supervise(job, working, stop or Event(), drain_s)
        except KeyboardInterrupt:
            interrupted = Event()
            interrupted.set()
            self._supervise(job, working, interrupted, drain_s)
            raise
        for worker in working:
            self._replace(worker)
        if failures:
            raise failures[0]
        return working

    def _supervise(self, job: Job, working: set[int], stop: Event, drain_s: float) -> list[BaseException]:
        """Wait until all have ended or must be left behind (those stay in `working`); return what broke any."""
        failures: list[BaseException] = []
        give_up_s = leave_s = inf
        while working and monotonic() < leave_s:
            wait_s = min(max(job.window.left_ns / 1e9, LOOK_AT_END_S), LOOK_S)
            failures += self._receive(job, working, wait_s)
            if job.window.supervise():
                give_up_s = min(give_up_s, monotonic() + drain_s)
            if stop.is_set() or failures or monotonic() >= give_up_s:
                job.window.give_up()
                leave_s = min(leave_s, monotonic() + GRACE_S)
        return failures

    def _receive(self, job: Job, working: set[int], wait_s: float) -> list[BaseException]:
        """Take one worker's result, if any comes in time; results of those left behind earlier are not for us."""
        try:
            of_job, worker, failure = self._results.get(timeout=wait_s)
        except Empty:
            return []
        if of_job is job:
            working.discard(worker)
        return [failure] if failure is not None and of_job is job else []

    def _hire(self, worker: int) -> SimpleQueue[Job | None]:
        inbox: SimpleQueue[Job | None] = SimpleQueue()
        # A daemon: a turn that hangs must not keep the process alive.
        thread = Thread(target=self._work, args=(worker, inbox), name=f"worker-{worker}", daemon=True)
        self._threads[worker] = thread
        thread.start()
        return inbox

    def _replace(self, worker: int) -> None:
        self._inboxes[worker].put(None)
        self._inboxes[worker] = self._hire(worker)

    def _work(self, worker: int, inbox: SimpleQueue[Job | None]) -> None:
        sharpen_timers()
        while (job := inbox.get()) is not None:
            failure: BaseException | None = None
            try:
                _drive(job, job.sessions[worker])
            except BaseException as error:  # noqa: BLE001 - carried to the main thread, which raises it
                failure = error
            self._results.put((job, worker, failure))


def _drive(job: Job, session: Session) -> None:
    """Take starts and run the journey until the window is over."""
    while (start := job.window.claim()) is not None:
        turn, due_ns, late_ns = start
        if late_ns >= 0:
            job.lateness_ns.append(late_ns)
        session.begin(~turn if job.warmup else turn, due_ns)
        try:
            job.journey(session, job.platform, job.data)
        except UsageError:
            raise
        except Exception as failure:  # noqa: BLE001 - a failing journey is a sample, never the run's end
            session.fail(failure)
        finally:
            job.window.release()

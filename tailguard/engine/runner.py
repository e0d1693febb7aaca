"""The runner: a few worker threads, each one a virtual user, that take starts from a window and play the journey."""

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from math import inf
from queue import Empty, SimpleQueue
from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import Protocol, Self

from tailguard.base.clock import sharpen_timers
from tailguard.base.errors import UsageError
from tailguard.engine.dispatch_window import DispatchWindow
from tailguard.engine.scenario_execution import ScenarioExecution, VirtualUser

log = logging.getLogger(__name__)

# How often the main thread looks at a window: seldom while its time runs (longer notices a stop later), often once it
# only waits for the platform to be idle (longer leaves a gap, shorter takes the interpreter from the workers).
LOOK_S, LOOK_AT_END_S = 0.02, 0.002
# What an iteration in progress is given to end once we want no more.
GRACE_S = 1.0
# What the virtual users are given to take away what is their own: a server that has not answered by then will not.
LEAVE_S = 10.0


class VirtualUsers:
    """The virtual users that one thread is: one of each scenario that it plays."""

    def __init__(self, number: int, lifetime: ExitStack) -> None:
        self._number = number
        self._lifetime = lifetime
        self._users: dict[ScenarioExecution, VirtualUser] = {}

    def of(self, execution: ScenarioExecution) -> VirtualUser:
        """Return the user of a scenario; it is made if it is new."""
        if execution not in self._users:
            self._users[execution] = self._lifetime.enter_context(execution.user(self._number))
        return self._users[execution]


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """What the first `users` workers do in one window: take its starts and play them until it is over."""

    execution: ScenarioExecution
    users: int
    window: DispatchWindow

    def __call__(self, users: VirtualUsers) -> None:
        """Do it, in the worker's thread."""
        user = users.of(self.execution)
        if self.window.spec.warmup:
            user = self.execution.warming_up(user)
        while (start := self.window.claim(user.ready_ns)) is not None:
            try:
                self.execution.play(user, start)
            finally:
                self.window.release()
            if thinking_ns := self.execution.thinks_ns(start.number):
                user.ready_ns = self.window.offset_ns + thinking_ns


Task = Callable[[VirtualUsers], None]


class Windowed(Protocol):
    """What the first `users` workers do in a window."""

    @property
    def users(self) -> int: ...  # as in `Job`

    @property
    def window(self) -> DispatchWindow: ...  # as in `Job`

    def __call__(self, users: VirtualUsers, /) -> None: ...  # as in `Job`


class Runner:
    """Worker threads that live as long as the `with` block. At its end each one takes away its virtual users."""

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise UsageError(f"workers is {workers}; a runner needs at least 1")
        self._results: SimpleQueue[tuple[Task, int, BaseException | None]] = SimpleQueue()
        self._threads: dict[int, Thread] = {}
        self._inboxes = [self._hire(worker) for worker in range(workers)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for inbox in self._inboxes:
            inbox.put(None)
        until_s = monotonic() + LEAVE_S
        for worker, thread in self._threads.items():
            thread.join(max(until_s - monotonic(), 0.0))
            if thread.is_alive():
                log.warning(
                    "virtual user %d was abandoned: its fixtures were not torn down within %g s",
                    worker,
                    LEAVE_S,
                )

    def enter(self, executions: Mapping[ScenarioExecution, int]) -> None:
        """Make so many virtual users of each scenario, each in its own thread. Raises what broke one."""
        for worker, inbox in enumerate(self._inboxes):
            inbox.put(_Entering([each for each, users in executions.items() if worker < users]))
        failures = [failure for _ in self._inboxes if (failure := self._results.get()[2]) is not None]
        if failures:
            raise failures[0]

    def run(self, job: Windowed, *, stop: Event | None = None, drain_s: float = 10.0) -> None:
        """Run one window to its end.

        `drain_s` bounds the time from the window's end to the end of its last iteration. A worker that is not back by
        then is left to itself and replaced by a new virtual user. Setting `stop` ends the window at once.

        Raises:
            UsageError: the scenario is wrong, for instance times a step that it does not declare.
        """
        working = set(range(job.users))
        for worker in working:
            self._inboxes[worker].put(job)
        try:
            failures = self._supervise(job, working, stop or Event(), drain_s)
        except KeyboardInterrupt:
            interrupted = Event()
            interrupted.set()
            self._supervise(job, working, interrupted, drain_s)
            for worker in working:
                del self._threads[worker]  # nobody waits for it now
            raise
        for worker in working:
            self._inboxes[worker].put(None)
            self._inboxes[worker] = self._hire(worker)
        if failures:
            raise failures[0]

    def _supervise(
        self, job: Windowed, working: set[int], stop: Event, drain_s: float
    ) -> list[BaseException]:
        """Wait until all have ended or must be left behind (those stay in `working`); return what broke any."""
        failures: list[BaseException] = []
        give_up_s = leave_s = inf
        while working and monotonic() < leave_s:
            wait_s = min(max(job.window.left_ns / 1e9, LOOK_AT_END_S), LOOK_S)
            failures += self._receive(job, working, wait_s)
            if job.window.supervise():
                give_up_s = min(give_up_s, monotonic() + drain_s)
            if stop.is_set() or failures or monotonic() >= give_up_s:
                job.window.close()
                leave_s = min(leave_s, monotonic() + GRACE_S)
        return failures

    def _receive(self, job: Windowed, working: set[int], wait_s: float) -> list[BaseException]:
        """Take one worker's result, if any comes in time; results of those left behind earlier are not for us."""
        try:
            of_task, worker, failure = self._results.get(timeout=wait_s)
        except Empty:
            return []
        if of_task is job:
            working.discard(worker)
        return [failure] if failure is not None and of_task is job else []

    def _hire(self, worker: int) -> SimpleQueue[Task | None]:
        inbox: SimpleQueue[Task | None] = SimpleQueue()
        # A daemon: an iteration that hangs must not keep the process alive.
        thread = Thread(target=self._work, args=(worker, inbox), name=f"worker-{worker}", daemon=True)
        self._threads[worker] = thread
        thread.start()
        return inbox

    def _work(self, worker: int, inbox: SimpleQueue[Task | None]) -> None:
        sharpen_timers()
        with ExitStack() as lifetime:
            users = VirtualUsers(worker, lifetime)
            while (task := inbox.get()) is not None:
                failure: BaseException | None = None
                try:
                    task(users)
                except BaseException as error:  # noqa: BLE001  # carried to the main thread, which raises it
                    failure = error
                self._results.put((task, worker, failure))


@dataclass(frozen=True, slots=True, eq=False)
class _Entering:
    """Makes a worker's virtual users, before anything is timed."""

    executions: list[ScenarioExecution]

    def __call__(self, users: VirtualUsers) -> None:
        for execution in self.executions:
            users.of(execution)

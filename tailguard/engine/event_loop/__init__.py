"""Async scenarios: one event loop in a thread of its own, on which many virtual users' iterations are in flight."""

import asyncio
import logging
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from contextvars import Context, copy_context
from dataclasses import dataclass
from threading import Semaphore, Thread, get_ident
from time import sleep
from types import TracebackType
from typing import Self, TypeVar

from tailguard.base.fast_loop import new_loop
from tailguard.engine.arrivals import Start
from tailguard.engine.dispatch_window import DispatchWindow
from tailguard.engine.event_loop.driven_users import DrivenUsers
from tailguard.engine.event_loop.watch import HeldLoopWatch, Hold
from tailguard.engine.scenario_execution import ScenarioExecution, VirtualUser
from tailguard.engine.workload import Driven, OnLoop

T = TypeVar("T")

log = logging.getLogger(__name__)

# What the virtual users are given to take away what is their own: a server that has not answered by then will not.
LEAVE_S = 10.0
# How often it is looked which user has thought to its end: its time to think is that coarse.
LOOK_NS = 2_000_000


@contextmanager
def own_loop() -> Iterator["EventLoop"]:
    """Run a loop for async users in a thread of its own as long as the `with` block."""
    with running_loop() as running, EventLoop(running) as made:
        yield made


@contextmanager
def running_loop() -> Iterator["RunningLoop"]:
    """Run a loop in a thread of its own as long as the `with` block."""
    loop = new_loop()
    # A daemon: a journey that holds the loop must not keep the process alive.
    thread = Thread(target=loop.run_forever, name="event-loop", daemon=True)
    thread.start()
    assert thread.ident is not None  # it was started
    try:
        yield RunningLoop(loop, thread.ident)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(1.0)
        if not thread.is_alive():
            loop.close()


@dataclass(frozen=True, slots=True)
class RunningLoop:
    """A loop that runs in another thread than ours.

    Attributes:
        thread: that thread's identity.
        context: what the tasks of journeys see of context variables; None: nothing of anybody's.
    """

    loop: asyncio.AbstractEventLoop
    thread: int
    context: Context | None = None

    @classmethod
    def here(cls) -> Self:
        """The one that this thread runs, with its context. Raises RuntimeError if it runs none of asyncio's."""
        return cls(asyncio.get_running_loop(), get_ident(), copy_context())


class EventLoop:
    """The async users on a loop, as long as the `with` block; at its end they are torn down there."""

    def __init__(self, running: RunningLoop) -> None:
        self._running = running
        self._stack = AsyncExitStack()
        self._pools: dict[ScenarioExecution, AsyncUsers | DrivenUsers] = {}
        self._watch = HeldLoopWatch(running.loop, running.thread)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watch.stop()
        try:
            self._run(asyncio.wait_for(self._stack.aclose(), LEAVE_S), LEAVE_S + 1.0)
        except TimeoutError:
            log.warning(
                "async virtual users were abandoned: their fixtures were not torn down within %g s", LEAVE_S
            )

    def enter(self, executions: Mapping[ScenarioExecution, int]) -> None:
        """Make so many virtual users of each scenario; driven ones as they are needed. Raises what broke one."""
        for execution, users in executions.items():
            match execution.on_loop:
                case Driven() as scenario:
                    self._run(self._enter_driven(execution, scenario, users), None)
                case None:
                    pass
                case scenario:
                    self._run(self._enter(execution, scenario, users), None)
        self._watch.start()

    @property
    def longest_hold(self) -> Hold | None:
        """Where a journey's own code held the loop longest, if any did."""
        return max(self._watch.holds.values(), key=lambda hold: hold.held_s, default=None)

    def users(self, execution: ScenarioExecution) -> "AsyncUsers | DrivenUsers":
        return self._pools[execution]

    async def _enter_driven(self, execution: ScenarioExecution, scenario: Driven, most: int) -> None:
        journeys = await self._stack.enter_async_context(scenario.opened())
        users = DrivenUsers(execution, self._running.loop, journeys, most)
        self._stack.callback(users.close)
        self._pools[execution] = users

    async def _enter(self, execution: ScenarioExecution, scenario: OnLoop, users: int) -> None:
        await self._stack.enter_async_context(scenario.shared())
        made = [
            await self._stack.enter_async_context(execution.user_on_loop(scenario, number))
            for number in range(users)
        ]
        self._pools[execution] = AsyncUsers(execution, self._running, made)

    def _run(self, work: Coroutine[object, object, T], timeout_s: float | None) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._running.loop).result(timeout_s)


class AsyncUsers:
    """The virtual users of an async scenario.

    A thread hands out the starts: the loop's own timers are 1 ms coarse.
    """

    def __init__(self, execution: ScenarioExecution, running: RunningLoop, users: list[VirtualUser]) -> None:
        self._execution, self._loop, self._context = execution, running.loop, running.context
        self._idle, self._count = users, len(users)
        self._free = Semaphore(len(users))
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    def play(self, window: DispatchWindow) -> None:
        """Play all starts of a window, and wait for the last one's end.

        Raises UsageError for a wrong scenario, and what a journey raised that is not an Exception.
        """
        full_until_ns = 0
        while True:
            if not self._free.acquire(blocking=False):
                self._free.acquire()
                full_until_ns = self._execution.now_ns()
            own = self._next(window)
            start = window.claim(own.ready_ns)
            if start is None:
                self._idle.append(own)
                self._free.release()
                break
            if start.due_ns >= full_until_ns:  # a user was free: a claim that comes late is our own delay
                start.late_ns = max(start.late_ns, 0)
            self._loop.call_soon_threadsafe(self._begin, own, start, window)
        for _ in range(self._count):
            self._free.acquire()
        self._free.release(self._count)
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _next(self, window: DispatchWindow) -> VirtualUser:
        """Take a free user, of those that think the first one that is ready: one that ends later may be it."""
        if self._execution.think is None or window.spec.warmup:
            return self._idle.pop()
        while True:
            first = min(self._idle, key=lambda each: each.ready_ns)
            if first.ready_ns <= window.offset_ns + LOOK_NS or window.is_over:
                self._idle.remove(first)
                return first
            sleep(LOOK_NS / 1e9)

    def cancel(self) -> None:
        """Cancel what is still in flight: it was settled."""
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in self._tasks])

    def _begin(self, own: VirtualUser, start: Start, window: DispatchWindow) -> None:
        began_ns = self._execution.now_ns()
        # Of a closed window the user itself is free from now on: our way to the loop is not the platform's time.
        due_ns = began_ns if window.spec.starts_ns is None else start.due_ns
        late_ns = began_ns - due_ns if start.late_ns >= 0 else -1
        task = self._loop.create_task(
            self._play(own, Start(start.number, due_ns, late_ns, began_ns), window),
            context=None if self._context is None else self._context.copy(),
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _play(self, own: VirtualUser, start: Start, window: DispatchWindow) -> None:
        try:
            user = self._execution.warming_up(own) if window.spec.warmup else own
            await self._execution.play_on_loop(user, start)
        except asyncio.CancelledError:
            own = self._execution.replaced(own)  # what the old one still does is not kept
        except BaseException as error:  # noqa: BLE001  # carried to the thread that hands out starts, which raises it
            self._failure = error
            window.close()
        finally:
            window.release()
            if thinking_ns := self._execution.thinks_ns(start.number):
                own.ready_ns = window.offset_ns + thinking_ns
            self._idle.append(own)
            self._free.release()


@dataclass(frozen=True, slots=True, eq=False)
class AsyncJob:
    """What one worker thread does in one window: hand its starts to the loop."""

    pool: AsyncUsers | DrivenUsers
    window: DispatchWindow
    users: int = 1

    def __call__(self, _: object) -> None:
        """Do it, in the worker's thread."""
        self.pool.play(self.window)

"""Who plays the iterations of a window: threads of our own, an event loop, or the thread that measures."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from tailguard.engine.dispatch_window import DispatchWindow
from tailguard.engine.event_loop import AsyncJob, EventLoop, RunningLoop, own_loop
from tailguard.engine.event_loop.watch import Hold
from tailguard.engine.iteration.call import Call
from tailguard.engine.runner import Job, Runner, VirtualUsers
from tailguard.engine.scenario_execution import ScenarioExecution


class Players(Protocol):
    """All virtual users are made; they play as long as the `with` block that made them lasts."""

    def play(
        self, execution: ScenarioExecution, users: int, window: DispatchWindow, stop: Event, drain_s: float
    ) -> None:
        """Play a window to its end; see `Runner.run`."""
        ...

    def cancel(self, execution: ScenarioExecution) -> None:
        """End what is still in flight after it was settled."""
        ...

    @property
    def longest_hold(self) -> Hold | None:
        """Where a journey's own code held an event loop longest, if any did."""
        ...


# Makes the given number of users of each scenario.
Making = Callable[[Mapping[ScenarioExecution, int]], AbstractContextManager[Players]]


@contextmanager
def in_threads(users: Mapping[ScenarioExecution, int]) -> Iterator["ThreadsAndLoop"]:
    """Each user is a thread; those of async scenarios live on one event loop of our own."""
    with ExitStack() as stack:
        runners = _runners(users)
        for runner in dict.fromkeys(runners.values()):
            stack.enter_context(runner)
        loop = None
        if any(execution.on_loop for execution in users):
            loop = stack.enter_context(own_loop())
            loop.enter(users)
        for runner in dict.fromkeys(runners.values()):
            own = {
                each: count for each, count in users.items() if runners[each] is runner and not each.on_loop
            }
            runner.enter(own)
        yield ThreadsAndLoop(runners, loop)


def on_loop(running: RunningLoop) -> Making:
    """Users of async scenarios live on a loop that runs already, in another thread than the one that measures."""

    @contextmanager
    def made(users: Mapping[ScenarioExecution, int]) -> Iterator[ThreadsAndLoop]:
        with _threads(users) as runner, EventLoop(running) as loop:
            loop.enter(users)
            yield ThreadsAndLoop(dict.fromkeys(users, runner), loop)

    return made


@contextmanager
def in_this_thread(users: Mapping[ScenarioExecution, int]) -> Iterator["ThisThread"]:
    """The one user of each scenario is the thread that measures."""
    with ExitStack() as lifetime:
        made = VirtualUsers(0, lifetime)
        for execution in users:
            made.of(execution)
        yield ThisThread(made)


@dataclass(frozen=True, slots=True)
class ThreadsAndLoop:
    """Worker threads for each scenario, and an event loop if there is an async one."""

    runners: Mapping[ScenarioExecution, Runner]
    loop: EventLoop | None

    def play(
        self, execution: ScenarioExecution, users: int, window: DispatchWindow, stop: Event, drain_s: float
    ) -> None:
        """Let the workers play, or hand starts to the loop."""
        if self.loop is None or execution.on_loop is None:
            job: Job | AsyncJob = Job(execution, users, window)
        else:
            job = AsyncJob(self.loop.users(execution), window)
        self.runners[execution].run(job, stop=stop, drain_s=drain_s)

    def cancel(self, execution: ScenarioExecution) -> None:
        """End what is still in flight on the loop."""
        if self.loop is not None and execution.on_loop is not None:
            self.loop.users(execution).cancel()

    @property
    def longest_hold(self) -> Hold | None:
        """The loop's."""
        return self.loop.longest_hold if self.loop else None


@dataclass(frozen=True, slots=True)
class ThisThread:
    """Plays in the thread that asks, so that `stop` and `drain_s` have nobody to tell of them."""

    users: VirtualUsers
    longest_hold: None = None

    def play(
        self, execution: ScenarioExecution, users: int, window: DispatchWindow, stop: Event, drain_s: float
    ) -> None:
        """Play one iteration after another; a call of a closed window without the price of a claim for each."""
        user = self.users.of(execution)
        if window.spec.starts_ns is not None or execution.think or not isinstance(user.journey, Call):
            Job(execution, 1, window)(self.users)
            return
        call, user = user.journey, execution.warming_up(user) if window.spec.warmup else user
        window.play_alone(lambda most, until_ns: user.iteration.repeat(call, most, until_ns))

    def cancel(self, execution: ScenarioExecution) -> None:
        """Nothing is in flight."""


def _runners(users: Mapping[ScenarioExecution, int]) -> dict[ScenarioExecution, Runner]:
    """Return the threads of each scenario: those that take turns share them, those at once have their own."""
    in_turn = {each: count for each, count in users.items() if not each.at_once}
    shared = dict.fromkeys(in_turn, _threads(in_turn)) if in_turn else {}
    return shared | {each: _threads({each: count}) for each, count in users.items() if each.at_once}


def _threads(users: Mapping[ScenarioExecution, int]) -> Runner:
    """One for each user, or one that hands starts to an event loop."""
    return Runner(max(1 if execution.on_loop else count for execution, count in users.items()))

"""What a test asks, and what it is answered: light, as each process of a comparison reads it."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import repeat
from math import ceil
from pathlib import Path
from statistics import median
from threading import Event
from time import perf_counter_ns
from typing import Protocol

import pytest

from tailguard.base.errors import UsageError
from tailguard.config.merge import Config
from tailguard.config.stated_load import stated_load
from tailguard.engine.event_loop import RunningLoop
from tailguard.engine.iteration.answers import Answers
from tailguard.engine.iteration.call import Call
from tailguard.engine.players import Making, in_this_thread, in_threads, on_loop
from tailguard.engine.workload import AsyncJourney, Load, PlainScenario
from tailguard.pipeline.loads import load_of
from tailguard.pytest_plugin.marker import Stated
from tailguard.record.doubt import Doubt
from tailguard.record.verdict import ChangeVerdict, ObjectiveVerdict
from tailguard.suite.scenario import ASYNC_USERS, Scenario
from tailguard.trust.short_calls import SHORT_MS

STEP = "call"
# Short calls are grouped into samples that last this long: then the clock costs less than 0.1 %.
SAMPLE_NS = 500_000
TRIED = 9


@dataclass(frozen=True, slots=True)
class Question:
    """What one test asks: its limits and load, the call with its arguments, the loop that it is to run on, if any.

    One sample is that number of `calls`.
    """

    name: str
    title: str
    stated: Stated
    call: Callable[..., object] | Scenario[...]
    args: tuple[object, ...]
    kwargs: Mapping[str, object]
    running: RunningLoop | None
    calls: int = 1

    def repeated(self) -> "Question":
        """Return it with so many calls a sample that the clock does not show, if the call is short: one a sample else.

        Raises UsageError for a call that does not do its work.
        """
        took_ns, answers, call = [], Answers(), self._callable
        try:
            for _ in range(TRIED):
                began_ns = perf_counter_ns()
                value = call(*self.args, **self.kwargs)
                took_ns.append(perf_counter_ns() - began_ns)
                answers.check(value)
        except UsageError:
            raise
        except Exception:  # noqa: BLE001  # a call that fails is a sample, later
            return self
        return replace(self, calls=_calls_of_a_sample(took_ns))

    async def repeated_on_loop(self) -> "Question":
        """As `repeated`, for a call that is awaited."""
        took_ns, call = [], self._callable
        try:
            for _ in range(TRIED):
                began_ns = perf_counter_ns()
                await call(*self.args, **self.kwargs)  # type: ignore[misc]  # an async test's calls are awaitables
                took_ns.append(perf_counter_ns() - began_ns)
        except Exception:  # noqa: BLE001  # likewise; one that cannot be awaited is named when it is measured
            return self
        return replace(self, calls=_calls_of_a_sample(took_ns))

    @property
    def _callable(self) -> Callable[..., object]:
        return self.call  # type: ignore[return-value]  # asked of a call, never of a Scenario

    @property
    def called(self) -> str:
        """The call's name, for messages."""
        return str(getattr(self.call, "__qualname__", None) or type(self.call).__name__)

    @property
    def players(self) -> Making:
        """The test's loop, threads if users are stated, else the test's own thread."""
        if self.running is not None:
            return on_loop(self.running)
        return in_threads if self.stated.users > 1 else in_this_thread

    def scenario(self) -> PlainScenario:
        """Return the scenario whose journey is the call."""
        call = self._callable
        journey = Call(STEP, call, self.args, self.kwargs)
        if self.calls > 1:
            repeated = _repeated_async if self.running else _repeated
            journey = Call(STEP, repeated, (self.calls, call, *self.args), self.kwargs)
        return PlainScenario(
            self.name, journey, (STEP,), self.title, on_loop=_OnLoop(journey) if self.running else None
        )

    def load(self, config: Config) -> Load:
        """Return the load that the test states, in the budget of a configuration."""
        open_users = ASYNC_USERS if self.running else 1
        users = self.stated.users or (open_users if self.stated.rate else 1)
        options = replace(config.load, **stated_load(self.stated.rate, users))  # type: ignore[arg-type]  # by key
        return load_of(self.name, options, config.seed)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found of one scenario.

    Attributes:
        said: what the first failure or refusal of each kind said.
    """

    verdicts: tuple[ObjectiveVerdict | ChangeVerdict, ...]
    doubts: tuple[Doubt, ...]
    said: Mapping[str, str]
    folder: Path


class Comparing(Protocol):
    """Who compares the call of a test with that of a commit: the run, or a process that measures one side.

    Attributes:
        stop: ends the measurement at hand at once if another thread sets it.
    """

    @property
    def stop(self) -> Event: ...

    def compare(self, question: Question, item: pytest.Item) -> Answer:
        """Compare, or measure. Raises UsageError for what cannot be."""
        ...


# The side of a comparison that this pytest run is a process of.
SIDE = pytest.StashKey[Comparing]()


def _calls_of_a_sample(took_ns: Sequence[int]) -> int:
    typical_ns = max(median(took_ns), 1)
    return 1 if typical_ns >= SHORT_MS * 1e6 else ceil(SAMPLE_NS / typical_ns)


def _repeated(calls: int, call: Callable[..., object], *args: object, **kwargs: object) -> object:
    value = None
    for _ in repeat(None, calls):
        value = call(*args, **kwargs)
    return value


async def _repeated_async(calls: int, call: Callable[..., object], *args: object, **kwargs: object) -> object:
    value = None
    for _ in repeat(None, calls):
        value = await call(*args, **kwargs)  # type: ignore[misc]  # an async test's calls are awaitables
    return value


@dataclass(frozen=True, slots=True)
class _OnLoop:
    """The users of an async call have nothing of their own."""

    journey: Call

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        yield

    @asynccontextmanager
    async def user(self, number: int) -> AsyncIterator[AsyncJourney]:
        yield self.journey  # type: ignore[misc]  # an async iteration's steps are awaitables

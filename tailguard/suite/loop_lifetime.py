"""The values of async scenarios that live on their event loop: made and torn down there."""

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Generator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Protocol, Self

from tailguard.engine.iteration.async_iteration import AsyncIteration
from tailguard.engine.workload import AsyncJourney
from tailguard.suite.lifetime import TEARDOWN_S, naming, say_left
from tailguard.suite.plan import AnyFixture, Node, Plan, walk

log = logging.getLogger(__name__)


class Process(Protocol):
    """The fixtures of this process.

    Attributes:
        seed: the run's.
        on_loop: what async scenarios share on their loop, while that lives.
    """

    seed: int
    on_loop: "LoopLifetime | None"

    def value(self, node: Node) -> object:
        """Return the value of a node that is not made on the loop."""
        ...


class LoopLifetime:
    """An async context manager: leaving it takes away everything that it made, in reverse order."""

    def __init__(self, process: Process, shared: "LoopLifetime | None" = None, user: int = 0) -> None:
        """`shared` has what all users share; without it, this is that."""
        self._process, self._shared, self._user = process, shared, user
        self._values: dict[Node, object] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def value(self, node: Node) -> object:
        """Return a node's value; it and what it needs are made if they are new. Raises as `Lifetime.value` does."""
        if node in self._values:
            return self._values[node]
        if node.fixture.rows:
            value: object = node.fixture.rows.at(self._user, self._process.seed)
        elif node.fixture.scope == "user" and self._shared is not None:
            value = await self._made(node)
        elif not node.on_loop:
            value = self._process.value(node)
        elif self._shared is not None:
            value = await self._shared.value(node)
        else:
            value = await self._made(node)
        self._values[node] = value
        return value

    async def _made(self, node: Node) -> object:
        fixture = node.fixture
        arguments = {
            name: await self.value(need) for name, need in zip(fixture.needs, node.needs, strict=True)
        }
        with naming(fixture):
            made = fixture.make(**arguments)
            if inspect.isasyncgen(made):
                value: object = await anext(made)
                self._stack.push_async_callback(_take_away, fixture, anext(made, None))
            elif isinstance(made, Generator) and inspect.isgeneratorfunction(fixture.make):
                value = next(made)
                self._stack.push_async_callback(_take_away, fixture, _next(made))
            else:
                value = await made if inspect.iscoroutine(made) else made
        return value


class ScenarioOnLoop:
    """How the users of an async scenario are made."""

    def __init__(self, plan: Plan, process: Process) -> None:
        self._plan, self._process = plan, process

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """Make what all its users share; scenarios on one loop share it, too."""
        if self._process.on_loop is not None:
            await self._make_shared(self._process.on_loop)
            yield
            return
        async with LoopLifetime(self._process) as made:
            self._process.on_loop = made
            await self._make_shared(made)
            try:
                yield
            finally:
                self._process.on_loop = None

    @asynccontextmanager
    async def user(self, number: int) -> AsyncIterator[AsyncJourney]:
        """Make one virtual user's fixtures; yield the journey, to be awaited for each iteration."""
        journey, rows, seed = self._plan.scenario.journey, self._plan.rows, self._process.seed
        shared = self._process.on_loop
        assert shared is not None  # `shared` is entered first
        async with LoopLifetime(self._process, shared, number) as own:
            arguments = {
                name: await own.value(node) for name, node in self._plan.journey.items() if name not in rows
            }

            def play(it: AsyncIteration) -> Awaitable[object]:
                row = {name: each.at(it.number, seed) for name, each in rows.items()}
                return journey(it, **arguments, **row)  # type: ignore[return-value]  # the journey is async

            yield play if rows else partial(journey, **arguments)  # type: ignore[misc]  # as above

    async def _make_shared(self, shared: LoopLifetime) -> None:
        for node in walk(self._plan.journey):
            if node.on_loop and node.fixture.scope == "process":
                await shared.value(node)


async def _next(generator: Generator[object, None, None]) -> object:
    return next(generator, None)


async def _take_away(fixture: AnyFixture, ending: Awaitable[object]) -> None:
    """Let a fixture take away what it yielded. Errors are logged."""
    try:
        await asyncio.wait_for(ending, TEARDOWN_S)
    except TimeoutError:
        log.warning("%s: fixture %r was left after %g s", fixture.place, fixture.name, TEARDOWN_S)
    except Exception as failure:  # noqa: BLE001  # whatever it met, the fixtures before it have their turn
        say_left(fixture, failure)

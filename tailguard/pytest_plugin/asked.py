"""The fixture `slo`: a test gives it a call, which the one engine measures; it is judged as the marker says."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tailguard.base.errors import InvalidRunError, TailguardError, UsageError
from tailguard.base.output.escaping import for_terminal
from tailguard.base.state import State, worst
from tailguard.engine.event_loop import RunningLoop
from tailguard.pytest_plugin import InconclusiveError, InvalidError
from tailguard.pytest_plugin.marker import stated_by
from tailguard.pytest_plugin.messages import failure_message, properties
from tailguard.pytest_plugin.question import SIDE, Answer, Comparing, Question
from tailguard.suite.scenario import Scenario

if TYPE_CHECKING:
    from tailguard.pytest_plugin.measuring import PytestRun


class Slo:
    """What one test asks."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._request = request
        self._item: pytest.Function = request.node
        self._state = "never called"

    def __call__(
        self, call: Callable[..., object], /, *args: object, **kwargs: object
    ) -> Awaitable[None] | None:
        """Measure a call, or a scenario, until the limits of the test are decided; every argument goes to the call.

        In an async test, await it. Fails the test unless all limits are kept.
        """
        __tracebackhide__ = True
        if self._state != "never called":
            raise _failed(f"{self._item.name} calls slo a second time: let each test measure one call")
        self._state = "asked"
        running = _running_loop()
        try:
            question = Question(
                self._item.nodeid, self._item.name, stated_by(self._item), call, args, kwargs, running
            )
            self._check_sync(question)
            if running is None:
                self._measure(question.repeated() if self._tries(question) else question)
                return None
        except UsageError as error:
            raise _failed(str(error)) from None
        self._state = "never awaited"
        return _Asked(self, question)

    def check_asked(self) -> None:
        """Fail the test if it has ended without an answer."""
        name = self._item.originalname
        if self._state == "never called":
            raise _failed(
                f"{self._item.name} takes slo and never calls it: add `slo(call, ...)`, or drop it from `{name}`"
            )
        if self._state == "never awaited":
            raise _failed(f"{self._item.name} calls slo and does not await it: write `await slo(...)`")

    async def answer(self, question: Question) -> None:
        """Measure from a thread, so that the calls have this loop; a comparison makes none in this process."""
        self._state = "asked"
        if self._tries(question):
            question = await question.repeated_on_loop()
        if question.stated.compare and self._side is None:
            self._measure(question)
            return
        run = self._side or self._run()
        asked = asyncio.ensure_future(asyncio.to_thread(self._asking(question)))
        try:
            await asyncio.wait([asked])
        except asyncio.CancelledError:
            run.stop.set()
            while not asked.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([asked])
            asked.exception()  # somebody else ends the test
            raise
        self._conclude(asked.result)

    def _run(self) -> "PytestRun":
        # A process that plays one side of a comparison needs neither files of runs nor verdicts.
        from tailguard.pytest_plugin.measuring import run_of  # noqa: PLC0415

        return run_of(self._request)

    @property
    def _side(self) -> Comparing | None:
        return self._request.config.stash.get(SIDE, None)

    def _tries(self, question: Question) -> bool:
        """Whether the call is to be tried first: a comparison does so once, before its pairs."""
        return (
            bool(question.stated.compare) and self._side is None and not isinstance(question.call, Scenario)
        )

    def _measure(self, question: Question) -> None:
        self._conclude(self._asking(question))

    def _asking(self, question: Question) -> Callable[[], Answer]:
        if question.stated.compare:
            return partial((self._side or self._run()).compare, question, self._item)
        return partial(self._run().ask, question)

    def _conclude(self, answered: Callable[[], Answer]) -> None:
        try:
            answer = answered()
        except InvalidRunError as error:
            raise InvalidError(str(error)) from None
        except TailguardError as error:
            raise _failed(str(error)) from None
        for verdict in answer.verdicts:
            self._item.user_properties += properties(verdict)
        _raise_for(answer)

    def _check_sync(self, question: Question) -> None:
        """Refuse what nobody would await."""
        function = self._item.originalname
        if question.running is None and inspect.iscoroutinefunction(self._item.function):
            raise UsageError(
                f"{function} runs on a loop that is not asyncio's: let anyio_backend be 'asyncio' where slo measures"
            )
        if question.running is None and inspect.iscoroutinefunction(question.call):
            raise UsageError(
                f"slo got {question.called}, which is async, in a test that is not: nobody would await it. Write "
                f"`async def {function}` and `await slo(...)`"
            )


class _Asked:
    """What an async test awaits; nothing is begun before."""

    def __init__(self, slo: Slo, question: Question) -> None:
        self._slo, self._question = slo, question

    def __await__(self) -> Generator[object, None, None]:
        return self._slo.answer(self._question).__await__()


def _running_loop() -> RunningLoop | None:
    try:
        return RunningLoop.here()
    except RuntimeError:
        return None


def _raise_for(answer: Answer) -> None:
    """Raise what the verdicts mean for the test; a breach counts even if another limit had nothing to be judged by."""
    missed = [each for each in answer.verdicts if each.state is not State.PASS]
    if not missed:
        return
    states = {each.state for each in missed}
    state = State.FAIL if State.FAIL in states else worst(states)
    missed.sort(key=lambda each: each.state is not state)
    messages = [failure_message(each, answer.folder) for each in missed]
    messages += [for_terminal(f"The first {kind}: {said}") for kind, said in answer.said.items()]
    text = "\n".join(messages)
    if state is State.INCONCLUSIVE:
        raise InconclusiveError(text)
    if state is State.INVALID:
        raise InvalidError(text)
    raise _failed(text)


def _failed(text: str) -> BaseException:
    """Return what fails a test, without a traceback."""
    return pytest.fail.Exception(text, pytrace=False)

"""An iteration on an event loop: its steps are awaited, and may overlap."""

import asyncio
import inspect
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn, ParamSpec, TypeVar, overload

from tailguard.base.errors import UsageError
from tailguard.engine.iteration import Iteration
from tailguard.engine.iteration.answers import RetriedError, Timed
from tailguard.engine.iteration.context import IterationContext
from tailguard.engine.recorder import Recorder
from tailguard.record.samples import ERROR, pack_code

P = ParamSpec("P")
T = TypeVar("T")

# The step whose call this task is in.
_STEP: ContextVar[str | None] = ContextVar("step", default=None)


@dataclass(slots=True, eq=False)
class _OpenStep:
    """A step on its way."""

    name: str
    code: int
    intended_ns: int
    started_ns: int


class _Call:
    """A step or pause that was called; to be awaited."""

    __slots__ = ("awaited", "file", "line", "what")

    def __init__(self, what: str, frame: FrameType, awaited: Coroutine[object, object, object]) -> None:
        self.what, self.awaited = what, awaited
        self.file, self.line = frame.f_code.co_filename, frame.f_lineno


class AsyncIteration(Iteration):
    """Times the steps of one virtual user's iterations on an event loop. One step's call holds no other step."""

    __slots__ = ("_calls", "_failures", "_kept", "_open", "_unawaited")

    def __init__(self, context: IterationContext, recorder: Recorder, user: int) -> None:
        super().__init__(context, recorder, user)
        self._open: list[_OpenStep] = []
        self._calls = 0
        self._unawaited: dict[int, _Call] = {}  # by its number; begun ones are gone
        self._failures: list[BaseException] = []  # those of the iteration that are samples already
        self._kept = False  # whether the iteration has a sample

    def together(self, *calls: Callable[[], object]) -> NoReturn:
        """An async journey has a way of its own. Raises UsageError that says which."""
        raise UsageError(
            "together is for journeys that are not async: await asyncio.gather(...) in the step's call instead"
        )

    @overload  # type: ignore[override]  # an async journey awaits its steps; nobody takes the one for the other
    def step(self, name: str, /) -> AbstractContextManager[None]: ...
    @overload
    def step(
        self, name: str, call: Callable[P, Awaitable[Timed[T]]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[object, object, T]: ...
    @overload
    def step(
        self, name: str, call: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[object, object, T]: ...
    @overload
    def step(
        self, name: str, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[object, object, T]: ...
    def step(
        self, name: str, call: Callable[..., object] | None = None, /, *args: object, **kwargs: object
    ) -> object:
        """Time `await it.step(name, call, ...)` as a step and return the call's value; it may be async or not.

        Without a call, time a `with` block. Raises as `Iteration.step` does.
        """
        if call is None:
            return self._block(name)
        self._calls += 1
        awaited = self._await_call(self._calls, name, call, args, kwargs)
        self._unawaited[self._calls] = _Call(f"step {name!r}", sys._getframe(1), awaited)  # noqa: SLF001  # its line
        return awaited

    def pause(self, seconds: float) -> Coroutine[object, object, None]:  # type: ignore[override]  # as for steps
        """Wait without holding the loop: `await it.pause(1.0)`. Raises as `Iteration.pause` does."""
        self._check_pause(seconds, _STEP.get())
        self._calls += 1
        awaited = self._await_pause(self._calls, seconds)
        self._unawaited[self._calls] = _Call(f"pause({seconds!r})", sys._getframe(1), awaited)  # noqa: SLF001  # its line
        return awaited

    def begin(self, number: int, due_ns: int, began_ns: int) -> None:
        super().begin(number, due_ns, began_ns)
        self._open.clear()
        self._unawaited.clear()
        self._failures.clear()
        self._kept = False

    def end(self) -> None:
        """Say that the journey returned. Raises UsageError for a step that was not awaited, or not to its end."""
        if self._unawaited:
            calls = list(self._unawaited.values())
            for each in calls:
                each.awaited.close()  # else Python warns, too
            raise UsageError(
                f"{calls[0].file}, line {calls[0].line}: {calls[0].what} was never awaited: write `await it...`"
            )
        if self._open:
            raise UsageError(
                f"step {self._open[0].name!r} was still on its way when its iteration ended: await it before that"
            )

    def fail(self, failure: Exception) -> None:
        """Take what the journey raised: unless it is a sample already, the last one was wrong, or the first began."""
        new = [each for each in _leaves(failure) if not any(each is known for known in self._failures)]
        if not new:
            return
        outcome, error = self._context.outcome(new[0] if isinstance(new[0], Exception) else failure)
        if self._kept:
            self._recorder.amend_last(outcome, error)
        else:
            self._append_unkept(self._recorder, outcome, error)

    def abandon(self, kind: str | None) -> None:
        """Leave an iteration that does not come back: each of its open steps is an error of that kind."""
        hung, self._recorder, self.values = self._recorder, Recorder(), Recorder()
        if kind is not None:
            self._append_unkept(hung, ERROR, self._context.errors.number(kind))

    def _append_unkept(self, recorder: Recorder, outcome: int, error: int) -> None:
        """Keep a sample of each open step or, without one, of the iteration up to now."""
        began_ns = self._due_ns or self._started_ns
        open_ = self._open or [_OpenStep("", 0, began_ns, self._started_ns)]
        for each in open_:
            code = pack_code(each.code, outcome, 0, error)
            recorder.append(each.intended_ns, each.started_ns, self._now_ns(), code)

    async def _await_pause(self, number: int, seconds: float) -> None:
        del self._unawaited[number]
        began_ns = self._now_ns()
        await asyncio.sleep(seconds)
        self._leave_out(began_ns)

    async def _await_call(
        self,
        number: int,
        name: str,
        call: Callable[..., object],
        args: tuple[object, ...],
        kwargs: dict[str, object],
    ) -> object:
        del self._unawaited[number]
        with self._in_step(name) as step:
            value = call(*args, **kwargs)
            if inspect.isawaitable(value):
                value = await value
            ended_ns, code = self._now_ns(), step.code
            if type(value) not in self._plain:
                value, ended_ns, code = self._answers.read(value, ended_ns, code)
        self._end_step(step, ended_ns, code)
        return value

    @contextmanager
    def _block(self, name: str) -> Iterator[None]:
        with self._in_step(name) as step:
            yield
        self._end_step(step, self._now_ns(), step.code)

    @contextmanager
    def _in_step(self, name: str) -> Iterator[_OpenStep]:
        """Open a step; what its call raises is a sample, and goes on."""
        if (outer := _STEP.get()) is not None:
            raise UsageError(f"step {name!r} in step {outer!r}: steps do not lie in each other")
        step = self._opened(name)
        entered = _STEP.set(name)
        try:
            yield step
        except BaseException as failure:
            self._fail_open(step, failure)
            if isinstance(failure, RetriedError):
                raise failure.failure from None
            raise
        finally:
            _STEP.reset(entered)

    def _opened(self, name: str) -> _OpenStep:
        """Begin a step; the first one of an iteration is timed from the due time, moved by what is our own."""
        code, started_ns = self._context.steps.number(name), self._now_ns()
        intended_ns = started_ns
        if self._due_ns is not None:
            own_ns = started_ns - self._started_ns
            self.own_ns += own_ns
            intended_ns, self._due_ns = self._due_ns + own_ns, None
        step = _OpenStep(name, code, intended_ns, started_ns)
        self._open.append(step)
        return step

    def _end_step(self, step: _OpenStep, ended_ns: int, code: int) -> None:
        if step in self._open:  # else its iteration was left
            self._open.remove(step)
            self._kept = True
            self._recorder.append(step.intended_ns, step.started_ns, ended_ns, code)

    def _fail_open(self, step: _OpenStep, failure: BaseException) -> None:
        retries = 0
        if isinstance(failure, RetriedError):
            retries, failure = failure.retries, failure.failure
        if isinstance(failure, Exception) and not isinstance(failure, UsageError):
            outcome, error = self._context.outcome(failure)
            self._failures.append(failure)
            self._end_step(step, self._now_ns(), pack_code(step.code, outcome, retries, error))
        elif step in self._open and not isinstance(failure, asyncio.CancelledError):
            self._open.remove(step)


def _leaves(failure: BaseException) -> list[BaseException]:
    """Return what a group of failures, as a TaskGroup raises it, consists of."""
    if isinstance(failure, BaseExceptionGroup):
        return [leaf for each in failure.exceptions for leaf in _leaves(each)]
    return [failure]

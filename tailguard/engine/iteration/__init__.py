"""An iteration: what a journey sees of the engine. One per virtual user, reused; no object is made for a sample."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from math import isfinite
from numbers import Real
from random import Random
from typing import ParamSpec, TypeVar, overload

from tailguard.base.errors import UsageError
from tailguard.engine.iteration.answers import RetriedError, Timed
from tailguard.engine.iteration.call import Call
from tailguard.engine.iteration.context import IterationContext
from tailguard.engine.iteration.together import Together
from tailguard.engine.recorder import Recorder, pack_row, value_row
from tailguard.record.samples import ERROR, pack_code
from tailguard.record.samples.values import MOST_VALUE

P = ParamSpec("P")
T = TypeVar("T")


class Iteration:
    """Times the steps of one virtual user's iterations.

    Attributes:
        number: 0, 1, 2 ... in the order of arrival, unique in a run; -1, -2 ... in warm-up.
        user: number of the virtual user, from 0.
        own_ns: time that the journey's own code took before its first steps, over all iterations so far. No step is
            charged for it.
        values: what it recorded beside its steps.
    """

    __slots__ = (
        "_answers",
        "_context",
        "_due_ns",
        "_failure",
        "_now_ns",
        "_numbers",
        "_plain",
        "_recorder",
        "_rng",
        "_rng_number",
        "_running",
        "_started_ns",
        "_together",
        "number",
        "own_ns",
        "user",
        "values",
    )

    def __init__(self, context: IterationContext, recorder: Recorder, user: int) -> None:
        """`recorder` is this user's own: no other iteration appends to it."""
        self.number = 0
        self.user = user
        self.own_ns = 0
        self._context = context
        self._recorder, self.values = recorder, Recorder()
        self._now_ns = context.clock.now_ns
        self._numbers = context.steps.numbers
        self._answers, self._plain = context.answers, context.answers.plain
        self._due_ns: int | None = None  # until the first sample of the iteration is kept
        self._started_ns = 0
        self._running: str | None = None  # the step whose call is on its way
        self._failure: BaseException | None = None  # the last one of the iteration that is a sample already
        self._together = Together()
        self._rng: Random
        self._rng_number: int | None = None  # the iteration that it was made for

    @property
    def key(self) -> str:
        """A text that is unique over all iterations, scenarios and runs: a key to send something once."""
        return f"{self._context.run_id}-{self._context.scenario}-{self.number}"

    @property
    def rng(self) -> Random:
        """Random numbers of this iteration, the same ones in each run of the same seed."""
        if self._rng_number != self.number:
            self._rng_number = self.number
            seed = f"{self._context.seed}/{self._context.scenario}/{self.number}"
            self._rng = Random(seed)  # noqa: S311  # no secret
        return self._rng

    def pause(self, seconds: float) -> None:
        """Wait, in no step: the time that a person thinks.

        Raises:
            UsageError: `seconds` is not a time, or a step is running.
        """
        self._check_pause(seconds, self._running)
        began_ns = self._now_ns()
        self._context.clock.sleep_until_ns(began_ns + int(seconds * 1e9))
        self._leave_out(began_ns)

    def record(self, name: str, value: float) -> None:
        """Record a number, or true or false, beside the steps. Put its unit into the name.

        `it.record("queue_depth", 17)` is limited by `queue_depth p95 <= 100`, `it.record("cache_hit", True)` by
        `cache_hit rate >= 95%`. Six decimals are kept.

        Raises:
            UsageError: `value` is not a number between -1e12 and 1e12, or the name is not one, or is a step's.
        """
        if not isinstance(value, Real) or not abs(value) <= MOST_VALUE:
            raise UsageError(
                f"record({name!r}, {value!r}): give a number up to {MOST_VALUE:g}, True or False"
            )
        self.values.buffer += value_row(self._now_ns(), self._context.metrics.number(name), float(value))

    def together(self, *calls: Callable[[], T]) -> list[T | Exception]:
        """Start calls at one instant, each in a thread of its own, and return what each returned or raised, in order.

        To time them, give them to a step: `first, second = it.step("submit", it.together, submit, submit)`. The step
        ends with the last of them.
        """
        return self._together.call(calls)

    @overload
    def step(self, name: str, /) -> AbstractContextManager[None]: ...
    @overload
    def step(self, name: str, call: Callable[P, Timed[T]], /, *args: P.args, **kwargs: P.kwargs) -> T: ...
    @overload
    def step(self, name: str, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...
    def step(
        self, name: str, call: Callable[..., object] | None = None, /, *args: object, **kwargs: object
    ) -> object:
        """Time `call(*args, **kwargs)` as the step `name` and return its value; without a call, time a `with` block.

        What the call raises is one sample, refused or an error, and goes on. An answer whose int `status_code`, or
        `status` beside `headers`, is 400 or more is raised as `StatusError`.

        Raises:
            UsageError: the step is in another step's call, is not declared, or its call returned a generator or an
                awaitable.
        """
        if call is None:
            return self._block(name)
        # `_begin_step` and `_keep` are repeated here: their two calls would be a fifth of what a sample costs.
        if self._running is not None:
            raise self._nested(name)
        try:
            code = self._numbers[name]
        except KeyError:
            code = self._context.steps.number(name)
        self._running = name
        started_ns = self._now_ns()
        intended_ns = self._due_ns
        if intended_ns is not None:
            own_ns = started_ns - self._started_ns
            self.own_ns += own_ns
            self._due_ns = intended_ns = intended_ns + own_ns
        self._started_ns = started_ns
        try:
            value = call(*args, **kwargs) if kwargs else call(*args)  # half the price without
            ended_ns = self._now_ns()
            if type(value) not in self._plain:
                value, ended_ns, code = self._answers.read(value, ended_ns, code)
        except BaseException as failure:
            self._fail_step(failure)
            if isinstance(failure, RetriedError):
                raise failure.failure from None
            raise
        self._running = None
        if intended_ns is None:
            intended_ns = started_ns
        else:
            self._due_ns = None
        self._recorder.buffer += pack_row(intended_ns, started_ns, ended_ns, code)
        return value

    def repeat(self, call: Call, most: int, until_ns: int) -> int:
        """Play a call, each time an iteration, `most` times or until one ended at `until_ns`; return how often.

        Raises as `step` does, but for what the call raises: that is one sample, and the next one follows.
        """
        code, now_ns, plain = self._context.steps.number(call.step), self._now_ns, self._plain
        work, args, kwargs = call.work, call.args, call.kwargs
        ended_ns = played = 0
        while played < most and ended_ns < until_ns:
            played += 1
            started_ns, sample = now_ns(), code
            try:
                value = work(*args, **kwargs) if kwargs else work(*args)
                ended_ns = now_ns()
                if type(value) not in plain:
                    _, ended_ns, sample = self._answers.read(value, ended_ns, code)
            except Exception as failure:  # a failing call is a sample, never the run's end
                if isinstance(failure, UsageError):
                    raise
                ended_ns = now_ns()
                self._running, self._started_ns = call.step, started_ns
                self._fail_step(failure)
                continue
            self._recorder.buffer += pack_row(started_ns, started_ns, ended_ns, sample)
        return played

    def begin(self, number: int, due_ns: int, began_ns: int) -> None:
        """Begin the iteration of that number, which was intended to start at `due_ns` and starts now, at `began_ns`."""
        self.number = number
        self._due_ns = due_ns
        self._started_ns = began_ns
        self._failure = None

    def fail(self, failure: Exception) -> None:
        """Take what the journey raised: unless a step raised it, the step before it was wrong, or the first began.

        Refused and error are told apart as for a step.
        """
        if failure is not self._failure:
            self._fail_at(self._recorder, *self._context.outcome(failure))

    def abandon(self, kind: str | None) -> None:
        """Leave an iteration that does not come back, as an error of that kind or, with None, without a sample.

        What it may still do later is not kept.
        """
        hung, self._recorder, self.values = self._recorder, Recorder(), Recorder()
        if kind is not None:
            self._fail_at(hung, ERROR, self._context.errors.number(kind))

    def keeps_in(self, recorder: Recorder) -> bool:
        """Whether its samples go there: not so once it was abandoned."""
        return self._recorder is recorder

    @contextmanager
    def _block(self, name: str) -> Iterator[None]:
        code = self._begin_step(name)
        try:
            yield
        except BaseException as failure:
            self._fail_step(failure)
            if isinstance(failure, RetriedError):
                raise failure.failure from None
            raise
        self._running = None
        self._keep(self._now_ns(), code)

    def _begin_step(self, name: str) -> int:
        """Begin a step and return its number; the first one of an iteration moves the due time by what is our own."""
        if self._running is not None:
            raise self._nested(name)
        number = self._context.steps.number(name)
        self._running = name
        began_ns, self._started_ns = self._started_ns, self._now_ns()
        if self._due_ns is not None:
            own_ns = self._started_ns - began_ns
            self.own_ns += own_ns
            self._due_ns += own_ns
        return number

    @staticmethod
    def _check_pause(seconds: float, step: str | None) -> None:
        if not (isfinite(seconds) and seconds >= 0):
            raise UsageError(f"pause({seconds!r}): give a time in seconds, 0 or more")
        if step is not None:
            raise UsageError(f"pause({seconds!r}) in step {step!r}: pause before or after the step")

    def _leave_out(self, began_ns: int) -> None:
        """Leave out the time since then: before the first step it is neither our own nor the platform's."""
        if self._due_ns is not None:
            left_ns = self._now_ns() - began_ns
            self._due_ns += left_ns
            self._started_ns += left_ns

    def _nested(self, name: str) -> UsageError:
        return UsageError(f"step {name!r} in step {self._running!r}: steps come one after another")

    def _fail_step(self, failure: BaseException) -> None:
        """End a step whose call raised; only what a platform raises is a sample."""
        retries = 0
        if isinstance(failure, RetriedError):
            retries = failure.retries
            failure = failure.failure
        if isinstance(failure, Exception) and not isinstance(failure, UsageError):
            outcome, error = self._context.outcome(failure)
            self._failure = failure
            assert self._running is not None  # it is this step's call that raised
            self._keep(self._now_ns(), pack_code(self._numbers[self._running], outcome, retries, error))
        self._running = None

    def _fail_at(self, recorder: Recorder, outcome: int, error: int) -> None:
        """Note a failure where the iteration stands: in a step, before the first one, or after one that was ok."""
        running, due_ns = self._running, self._due_ns
        if running is None and due_ns is None:
            recorder.amend_last(outcome, error)
            return
        code = pack_code(self._numbers[running] if running else 0, outcome, 0, error)
        started_ns = self._started_ns
        recorder.append(started_ns if due_ns is None else due_ns, started_ns, self._now_ns(), code)

    def _keep(self, ended_ns: int, code: int) -> None:
        """Keep a sample of the step at hand; the first one of an iteration is timed from the intended start."""
        started_ns = self._started_ns
        intended_ns = started_ns if self._due_ns is None else self._due_ns
        self._due_ns = None
        self._recorder.append(intended_ns, started_ns, ended_ns, code)

"""A session: what a journey sees of the engine. One per worker, reused; nothing is allocated for a sample."""

from collections.abc import Callable
from typing import TypeVar

from tailguard.base.clock import Clock
from tailguard.base.errors import UsageError
from tailguard.engine.recorder import ErrorKinds, Recorder
from tailguard.record.samples import CONFLICT, ERROR, OK, pack_code

T = TypeVar("T")


def error_kind(failure: BaseException) -> str:
    """Name a failure by its class and, if the database gave one, its SQLSTATE: "DeadlockDetected (40P01)"."""
    sqlstate = getattr(failure, "sqlstate", None)
    return f"{type(failure).__name__} ({sqlstate})" if sqlstate else type(failure).__name__


class Session:
    """Times the steps of a worker's turns.

    Attributes:
        turn: number of this arrival, 0, 1, 2 ... across all workers; -1, -2 ... in warm-up.
        worker: number of the worker, from 0.
    """

    __slots__ = (
        "_codes",
        "_due_ns",
        "_errors",
        "_now_ns",
        "_recorder",
        "_refusals",
        "_started_ns",
        "_step",
        "turn",
        "worker",
    )

    def __init__(
        self,
        steps: tuple[str, ...],
        refusals: tuple[type[Exception], ...] = (),
        *,
        worker: int,
        clock: Clock,
        recorder: Recorder,
        errors: ErrorKinds,
    ) -> None:
        self.turn = 0
        self.worker = worker
        self._codes = {name: pack_code(number) for number, name in enumerate(steps)}
        self._refusals = refusals
        self._now_ns = clock.now_ns
        self._recorder = recorder
        self._errors = errors
        self._due_ns: int | None = None
        self._started_ns = 0
        self._step = 0

    def begin(self, turn: int, due_ns: int) -> None:
        """Begin a turn that was intended to start at `due_ns`: its first step is timed from there."""
        self.turn = turn
        self._due_ns = due_ns
        self._started_ns = self._now_ns()
        self._step = 0

    def step(self, name: str, call: Callable[..., T], *args: object) -> T | None:
        """Time `call(*args)` as the step `name` and return its value, or None where it was refused or failed.

        A value with an attribute `ended_ns` says itself when it ended, one with `retries` how often it was retried.

        Raises:
            UsageError: the scenario does not declare a step of that name.
        """
        try:
            self._step = code = self._codes[name]
        except KeyError:
            raise UsageError(
                f"the journey times a step {name!r} that its scenario does not declare; "
                f"declared are {', '.join(self._codes)}"
            ) from None
        self._started_ns = started_ns = self._now_ns()
        try:
            value = call(*args)
        except Exception as failure:  # noqa: BLE001 - whatever the platform raises is a sample, never the run's end
            self._record_failure(failure)
            return None
        ended_ns = self._now_ns()
        intended_ns = started_ns if self._due_ns is None else self._due_ns
        self._due_ns = None
        if retries := getattr(value, "retries", 0):
            code = pack_code(code, OK, retries)
        self._recorder.append(intended_ns, started_ns, getattr(value, "ended_ns", None) or ended_ns, code)
        return value

    def fail(self, failure: Exception) -> None:
        """Record a failure of the journey itself, between its steps, as one of the step it had come to."""
        self._record_failure(failure)

    def abandon(self, kind: str | None) -> None:
        """Leave a turn that does not come back, as an error of that kind or, with None, without a sample.

        What the turn may still do later is not kept.
        """
        hung, self._recorder = self._recorder, Recorder()
        if kind is not None:
            self._record(hung, pack_code(self._step, ERROR, 0, self._errors.number(kind)))

    def _record_failure(self, failure: Exception) -> None:
        outcome = CONFLICT if isinstance(failure, self._refusals) else ERROR
        retries = getattr(failure, "retries", 0)
        error = self._errors.number(error_kind(failure))
        self._record(self._recorder, pack_code(self._step, outcome, retries, error))

    def _record(self, recorder: Recorder, code: int) -> None:
        """Keep a sample that ends now and began with the step at hand."""
        intended_ns = self._started_ns if self._due_ns is None else self._due_ns
        self._due_ns = None
        recorder.append(intended_ns, self._started_ns, self._now_ns(), code)

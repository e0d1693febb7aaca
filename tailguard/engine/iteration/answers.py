"""What the end of a call says: its value, its status, when it ended, how often it was retried."""

import re
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPMessage
from typing import Generic, TypeVar

from tailguard.base.answered import Answered
from tailguard.base.errors import UsageError
from tailguard.record.samples import OK, pack_code

T_co = TypeVar("T_co", covariant=True)

FIRST_ERROR_STATUS = 400
# What a client may branch on, not a sentence.
_CODE = re.compile(r"\w[\w.-]{0,39}", re.ASCII)
_PACKAGE = __package__.partition(".")[0]

# What a call may raise or answer as a clean, expected refusal: an exception class, an HTTP status, or a function that
# is asked about what was raised (a `StatusError` for an answer of status 400 or more).
Refusal = type[Exception] | int | Callable[[Exception], bool]


@dataclass(frozen=True, slots=True)
class Timed(Generic[T_co]):
    """A call's value together with what the call itself knows of its timing. The step returns `value`.

    Attributes:
        value: what the call would have returned.
        ended_ns: when it ended, on the monotonic clock in ns; None if that is when the call returned.
        retries: how often it was tried again.
    """

    value: T_co
    ended_ns: int | None = None
    retries: int = 0


class RetriedError(Exception):
    """What `Timed` is for a value, for a failure: `failure` was raised after those `retries`. The step raises it."""

    def __init__(self, failure: Exception, retries: int) -> None:
        super().__init__(failure, retries)
        self.failure, self.retries = failure, retries


class StatusError(Exception):
    """A step's answer has a `status` of 400 or more. `answer` is what the call returned."""

    def __init__(self, status: int, answer: object) -> None:
        super().__init__(status)
        self.status, self.answer = status, answer

    def __str__(self) -> str:
        """Return what the answer said, if it has read its body already."""
        headers = getattr(self.answer, "headers", None)
        try:
            content = getattr(self.answer, "content", b"")
        except Exception:  # noqa: BLE001  # a body that was not read yet: what a library raises then is its own
            content = b""
        given = headers if isinstance(headers, Mapping | HTTPMessage) else {}
        return str(Answered("", self.status, given, content if isinstance(content, bytes) else b""))


def error_kind(failure: BaseException) -> str:
    """Name a failure: by its status, or by its class and, if it has one, its SQLSTATE or its `code` for machines.

    Examples: "HTTP 503", "DeadlockDetected (40P01)", "Conflict (ALREADY_REGISTERED)".
    """
    if isinstance(failure, StatusError):
        return f"HTTP {failure.status}"
    name, code = type(failure).__name__, getattr(failure, "sqlstate", None) or getattr(failure, "code", None)
    return f"{name} ({code})" if isinstance(code, str) and _CODE.fullmatch(code) else name


class Refusals:
    """Tells the refusals of a scenario from its errors."""

    def __init__(self, refusals: Iterable[Refusal] = ()) -> None:
        """Raise UsageError for one that is neither an exception class, an HTTP status nor a function."""
        self._matches = {refusal_name(each): _match_of(each) for each in refusals}

    def declaring(self, failure: Exception) -> str | None:
        """Return the name of the first refusal that `failure` is; None if it is an error."""
        return next((name for name, is_it in self._matches.items() if is_it(failure)), None)


def refusal_name(refusal: Refusal) -> str:
    """Return what a refusal is called in the record: its class, status or function.

    Raises UsageError for one that is none of these.
    """
    if isinstance(refusal, int):
        return f"HTTP {refusal}"
    if (isinstance(refusal, type) and not issubclass(refusal, Exception)) or not callable(refusal):
        raise UsageError(
            f"refusals: {refusal!r} is neither an exception class, an HTTP status nor a function"
        )
    return refusal.__name__


def _match_of(refusal: Refusal) -> Callable[[Exception], bool]:
    if isinstance(refusal, int):
        return lambda failure: isinstance(failure, StatusError) and failure.status == refusal
    if isinstance(refusal, type):
        return lambda failure: isinstance(failure, refusal)
    return refusal


class Answers:
    """Reads statuses off the values that calls return. What to look at is found once for each type.

    Attributes:
        plain: types whose values say nothing of their end.
    """

    def __init__(self) -> None:
        self.plain: set[type] = set()
        self._attributes: dict[type, str] = {}

    def check(self, value: object) -> None:
        """Raise StatusError for a status of 400 or more, UsageError for work that has not been done yet."""
        kind = type(value)
        if kind not in self.plain and (attribute := self._attributes.get(kind) or self._learn(value)):
            status = getattr(value, attribute)
            if isinstance(status, int) and status >= FIRST_ERROR_STATUS:
                raise StatusError(status, value)

    def read(self, value: object, ended_ns: int, code: int) -> tuple[object, int, int]:
        """Return the value of an answer, its end in ns and its sample's code. Raises as `check`, and RetriedError."""
        if not isinstance(value, Timed):
            self.check(value)
            return value, ended_ns, code
        try:
            self.check(value.value)
        except StatusError as failure:
            raise RetriedError(failure, value.retries) from None
        return value.value, value.ended_ns or ended_ns, pack_code(code, OK, value.retries)

    def _learn(self, value: object) -> str:
        if isinstance(value, Awaitable | Generator | AsyncGenerator):
            raise _not_done(value)
        kind, attribute = type(value), ""
        if hasattr(value, "status_code"):
            attribute = "status_code"
        elif hasattr(value, "status") and hasattr(value, "headers"):
            attribute = "status"
        if attribute:
            self._attributes[kind] = attribute
        else:
            self.plain.add(kind)
        return attribute


def _not_done(value: object) -> UsageError:
    if isinstance(value, Coroutine):
        value.close()  # else Python warns, too, that nobody awaited it
    return UsageError(
        f"{_caller()}: the step's call returned a {type(value).__name__}, which has not done its work yet, so that "
        "nothing was timed. Give the step a call that does the work: one that exhausts the generator, or is not async."
    )


def _caller() -> str:
    """Return file and line outside of Tailguard that called us: the journey's step."""
    frame = sys._getframe()  # noqa: SLF001  # the way to a caller's line that the standard library itself goes
    while frame.f_back and frame.f_globals["__name__"].startswith(f"{_PACKAGE}."):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}, line {frame.f_lineno}"

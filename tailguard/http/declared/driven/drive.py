"""The iterations of one virtual user on an event loop: each answer sends the next step's request."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from tailguard.engine.iteration.driven_iteration import DrivenIteration
from tailguard.http.declared.cookies import Cookies
from tailguard.http.declared.driven.wired import WiredStep
from tailguard.http.declared.journey import Journey
from tailguard.http.declared.request.pattern import UnsafeValueError
from tailguard.http.wire.headers import has_line

if TYPE_CHECKING:
    from tailguard.http.wire.connection import Exchange
    from tailguard.record.part import Json

Ended = Callable[[BaseException | None], None]


class Drive:
    """Plays one iteration at a time. A failed step ends it."""

    def __init__(
        self,
        journey: Journey,
        steps: Sequence[WiredStep],
        taken: Callable[[int], Mapping[str, Mapping[str, str]]],
        origin: str,
    ) -> None:
        """`taken` gives an iteration's rows by its number; `origin` is where the cookies of a log-in are from."""
        self._journey, self._steps, self._taken, self._origin = journey, steps, taken, origin
        self._it: DrivenIteration
        self._ended: Ended
        self._step: WiredStep
        self._exchange: Exchange | None = None
        self._next = 0
        self._values: dict[str, Json] = {}
        self._cookies: Cookies | None = None

    def __call__(self, it: DrivenIteration, ended: Ended, /) -> None:
        """Begin an iteration."""
        self._it, self._ended = it, ended
        self._next, self._cookies = 0, None
        try:
            self._values = self._journey.known(it, self._taken(it.number) if self._journey.rows else {})
        except Exception as failure:  # noqa: BLE001  # rows that are used up, for instance
            ended(failure)
            return
        self._go_on()

    def cancel(self) -> None:
        """End the iteration in progress, and tell nobody."""
        if self._exchange is not None:
            self._exchange.cancel()

    def answered(self, status: int, raw: bytes, content: bytes, ended_ns: int, retries: int) -> None:
        """Judge the answer, and go on."""
        step, sets_cookies = self._step, has_line(b"set-cookie", raw)
        if step.is_plain and step.accepts(status) and not sets_cookies:
            self._it.end_step(ended_ns, retries)
            self._go_on()
            return
        try:
            answer = step.answer(status, raw, content)
        except Exception as failure:  # noqa: BLE001  # refused, throttled, or unreadable
            self._fail(failure, retries)
            return
        self._it.end_step(ended_ns, retries)
        try:
            if sets_cookies:
                self._cookies = self._cookies or Cookies(self._origin)
                step.take_cookies(answer, self._values, self._cookies)
            step.learn(answer, self._values)
        except Exception as failure:  # noqa: BLE001  # a wrong answer is a sample
            self._ended(failure)
            return
        self._go_on()

    def unanswered(self, failure: OSError, retries: int) -> None:
        """End the iteration by what came in place of an answer."""
        self._fail(failure, retries)

    def _go_on(self) -> None:
        """Send the next step's request; end the iteration after the last."""
        while self._next < len(self._steps):
            self._step = step = self._steps[self._next]
            self._next += 1
            if not step.condition.text or step.condition.holds(self._values):
                self._send(step)
                return
        self._exchange = None
        self._ended(None)

    def _send(self, step: WiredStep) -> None:
        try:
            server, self._exchange = step.exchange(self._values, self._cookies, self)
        except (UnsafeValueError, OSError) as failure:
            self._it.begin_step(step.name)
            self._fail(failure, 0)
            return
        except Exception as failure:  # noqa: BLE001  # a value that no earlier step has saved
            self._ended(failure)
            return
        server.send(self._exchange, self._it.begin_step(step.name))

    def _fail(self, failure: Exception, retries: int) -> None:
        self._it.fail_step(failure, retries)
        self._ended(failure)

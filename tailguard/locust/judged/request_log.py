"""All requests of one worker's users, as locust's request event tells them."""

from collections.abc import Callable
from typing import Any  # locust's events ship no types

from tailguard.base.clock import Clock
from tailguard.base.errors import UsageError
from tailguard.engine.iteration.answers import error_kind
from tailguard.engine.iteration.step_names import StepNames
from tailguard.engine.recorder import ErrorKinds, pack_row
from tailguard.locust.messages import ScenarioLedger
from tailguard.record.samples import ERROR, pack_code

# Two weeks: whoever fires more gives no time in ms.
MOST_MS = 14 * 86_400_000.0


class RequestLog:
    """Keeps a row for each request, from now until `finish`. A request ends as its event is fired.

    `users` counts the users that this worker has; `stop` lets locust stop them, as its --stop-timeout says.
    """

    def __init__(self, clock: Clock, users: Callable[[], int], stop: Callable[[], None]) -> None:
        self.errors = ErrorKinds()
        self._names, self._now_ns, self._users, self._stop = StepNames(), clock.now_ns, users, stop
        self._numbers: dict[tuple[str, str], int] = {}
        self._rows = bytearray()
        self._count = self._most_users = 0
        self._closed_ns: int | None = None
        self._broken = ""

    @property
    def steps(self) -> tuple[str, ...]:
        """The names of requests so far, such as "GET /cart"."""
        return self._names.names()

    def take(
        self,
        *,
        request_type: str,
        name: str,
        response_time: float | None,
        exception: object = None,
        **_: Any,
    ) -> None:
        """Take a request, as locust's event has it; `response_time` is in ms."""
        ended_ns = self._now_ns()
        if response_time is None or not 0 <= response_time < MOST_MS:
            self._broken = (
                f"a request {shown(request_type, name)!r} took {response_time!r} ms: fire a time in ms"
            )
            return
        started_ns = ended_ns - int(response_time * 1e6)
        if self._closed_ns is not None and started_ns > self._closed_ns:
            return
        number = self._numbers.get((request_type, name))
        code = self._number(request_type, name) if number is None else number
        if exception is not None:
            failure = exception if isinstance(exception, BaseException) else RuntimeError(str(exception))
            code = pack_code(code, ERROR, 0, self.errors.number(error_kind(failure), failure))
        self._rows += pack_row(started_ns, started_ns, ended_ns, code)
        self._count += 1

    def drain(self) -> bytearray:
        """Return all rows since the last time and forget them."""
        self._most_users = max(self._most_users, self._users())
        rows, self._rows = self._rows, bytearray()
        return rows

    def warm_up(self, iterations: int) -> None:
        """Do nothing: the users are not ours."""

    def begin(self, base_ns: int) -> None:
        """Do nothing: the users' own waiting is the schedule."""

    def finish(self, drain_s: float) -> None:
        """Stop the users, who would go on while the run is judged; what they asked before may still be answered."""
        self._closed_ns = self._now_ns()
        self._stop()

    def ledger(self) -> ScenarioLedger:
        """Return what the master must know beside the samples."""
        return ScenarioLedger(
            users=self._most_users,
            offered=self._count,
            ended=self._count,
            warmup=0,
            own_s=0.0,
            cut_off=0,
            broken=self._broken,
            first=self.errors.first,
            lateness_ns=b"",
        )

    def _number(self, request_type: str, name: str) -> int:
        """Give a new name its number. One that cannot have one breaks the run: its time would be another's."""
        try:
            number = self._names.number(shown(request_type, name))
        except UsageError as error:
            self._broken = f"{error} (locust's argument name=)"
            number = 0
        self._numbers[request_type, name] = number
        return number


def shown(request_type: str, name: str) -> str:
    """Return what a request is called in limits and reports, on one line: "GET /cart"."""
    words = f"{request_type} {name}".split()
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(words)) or "?"

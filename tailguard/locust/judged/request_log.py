"""All requests of one worker's users, as locust's request event tells them."""

import struct
from collections.abc import Callable
from typing import Any  # locust's events ship no types

import numpy as np
from numpy.typing import NDArray

from tailguard.base.clock import Clock
from tailguard.base.errors import UsageError
from tailguard.engine.iteration.answers import error_kind
from tailguard.engine.iteration.step_names import StepNames
from tailguard.engine.recorder import ROW, ErrorKinds
from tailguard.locust.messages import ScenarioLedger
from tailguard.record.samples import ERROR, MOST_STEPS, pack_code

# Two weeks: a larger value is not a time in ms.
MOST_MS = 14 * 86_400_000.0
# What is kept as a request ends: the instant, its time in ms, its code. The rest is done for many at once.
_TOLD = np.dtype([("ended_ns", np.int64), ("took_ms", np.float64), ("code", np.int32)])
_pack_told = struct.Struct("ndi").pack


class RequestLog:
    """Keeps a row for each request, from now until `finish`. A request ends as its event is fired.

    `users` counts the users that this worker has; `stop` lets locust stop them, as its --stop-timeout says.
    """

    def __init__(self, clock: Clock, users: Callable[[], int], stop: Callable[[], None]) -> None:
        self.errors = ErrorKinds()
        self._names, self._now_ns, self._users, self._stop = StepNames(), clock.now_ns, users, stop
        self._codes: dict[tuple[str, str], int] = {}  # of requests that were answered well
        self._told = bytearray()
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
        response_time: float,
        exception: object = None,
        **_: Any,
    ) -> None:
        """Take a request, as locust's event has it; `response_time` is in ms. Costs each request its time."""
        code = self._codes.get((request_type, name))
        try:
            if code is None or exception is not None:
                if self._is_over(response_time):
                    return
                code = self._code(request_type, name, exception)
            self._told += _pack_told(self._now_ns(), response_time, code)
        except (TypeError, struct.error):
            self._broken = without_time(shown(request_type, name), response_time)

    @property
    def metrics(self) -> tuple[str, ...]:
        """None: the users' requests are all there is."""
        return ()

    def drain(self) -> bytearray:
        """Return all rows since the last time and forget them."""
        self._most_users = max(self._most_users, self._users())
        told, self._told = np.frombuffer(self._told, _TOLD), bytearray()
        timed = (told["took_ms"] >= 0) & (told["took_ms"] < MOST_MS)
        for request in told[~timed][:1]:
            self._broken = without_time(self.steps[request["code"] % MOST_STEPS], float(request["took_ms"]))
        rows = _rows(told[timed])
        self._count += len(rows)
        return bytearray(rows.tobytes())

    def warm_up(self, iterations: int) -> None:
        """Do nothing: the users are not ours."""

    def begin(self, base_ns: int) -> None:
        """Do nothing: the users' own waiting is the schedule."""

    def finish(self, drain_s: float) -> None:
        """Stop the users, who would go on while the run is judged; what they asked before may still be answered."""
        self._closed_ns = self._now_ns()
        self._codes.clear()  # from now on each is looked at
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

    def _is_over(self, response_time: float) -> bool:
        """Tell whether a request began after the end."""
        return self._closed_ns is not None and self._now_ns() - response_time * 1e6 > self._closed_ns

    def _code(self, request_type: str, name: str, failure: object) -> int:
        """Return the code of a request that is the first of its name, failed, or ends after the end."""
        try:
            code = self._names.number(shown(request_type, name))
        except UsageError as error:  # its time would be another's
            self._broken = f"{error} (locust's argument name=)"
            code = 0
        if self._closed_ns is None:
            self._codes[request_type, name] = code
        if failure is None:
            return code
        raised = failure if isinstance(failure, BaseException) else RuntimeError(str(failure))
        return pack_code(code, ERROR, 0, self.errors.number(error_kind(raised), raised))


def _rows(told: NDArray[np.void]) -> NDArray[np.void]:
    """Return the recorder's rows of requests; they started when they were meant to."""
    rows = np.empty(len(told), ROW)
    ended_ns = told["ended_ns"]
    started_ns = ended_ns - (told["took_ms"] * 1e6).astype(np.int64)
    rows["instants"] = np.column_stack([started_ns, started_ns, ended_ns])
    rows["code"] = told["code"]
    return rows


def without_time(request: str, took_ms: object) -> str:
    """Return what breaks a run in which a request came without a time."""
    return f"a request {request!r} took {took_ms!r} ms: fire a time in ms"


def shown(request_type: str, name: str) -> str:
    """Return what a request is called in limits and reports, on one line: "GET /cart"."""
    words = f"{request_type} {name}".split()
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(words)) or "?"

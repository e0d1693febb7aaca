"""Connections of our own, which repeat requests: to the candidate and, for its noise, to the primary."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from tailguard.http.connections import IDLE_S
from tailguard.shadow.address import Address
from tailguard.shadow.messages import MOST_BODY, Answer, AnswerReader, Request, UnreadableError

# An answer with its headers; who sends more floods us.
_MOST_BYTES = MOST_BODY + (64 << 10)


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a request: an answer, or `why` there is none."""

    began_ns: int
    ended_ns: int
    answer: Answer | None
    why: str = ""


class Callers:
    """Repeats requests to one service, each on a connection that no other uses meanwhile."""

    def __init__(self, address: Address, timeout_s: float) -> None:
        self._address, self._timeout_s = address, timeout_s
        self._all: set[_Caller] = set()
        self._idle: list[_Caller] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def ask(self, request: Request, done: Callable[[Reply], None]) -> None:
        """Send a request; `done` is called once, within the timeout, unless all is closed before."""
        if self._closed:
            return
        fresh_s = time.monotonic() - IDLE_S
        while self._idle:
            caller = self._idle.pop()
            if caller.idle_since_s > fresh_s:
                caller.ask(request, done, self._timeout_s)
                return
            caller.close()
        task = asyncio.get_running_loop().create_task(self._ask_anew(request, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """End all that goes on, without an answer."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        for caller in self._all:
            caller.abandon()

    async def _ask_anew(self, request: Request, done: Callable[[Reply], None]) -> None:
        began_ns, at = time.monotonic_ns(), self._address
        connecting = asyncio.get_running_loop().create_connection(
            lambda: _Caller(self._all, self._idle), at.host, at.port, ssl=at.tls
        )
        try:
            _, caller = await asyncio.wait_for(connecting, self._timeout_s)
        except OSError as error:
            why = "no connection in time" if isinstance(error, TimeoutError) else "connection refused"
            done(Reply(began_ns, time.monotonic_ns(), None, why))
        else:
            caller.ask(request, done, self._timeout_s)


class _Caller(asyncio.Protocol):
    """One connection: in `everyone` while it is open, in `idle` while it may be used."""

    def __init__(self, everyone: "set[_Caller]", idle: "list[_Caller]") -> None:
        self._everyone, self._idle = everyone, idle
        self._loop = asyncio.get_running_loop()
        self.idle_since_s = 0.0
        self._done: Callable[[Reply], None] | None = None
        self._methods: list[bytes] = []
        self._answers = AnswerReader(self._methods, self._answered)
        self._timer: asyncio.TimerHandle | None = None
        self._began_ns = self._bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # what streams are given
        self._transport = transport
        self._everyone.add(self)

    def ask(self, request: Request, done: Callable[[Reply], None], timeout_s: float) -> None:
        self._done, self._bytes, self._methods[:] = done, 0, [request.method]
        self._timer = self._loop.call_later(timeout_s, self._lost, "timed out")
        self._transport.write(request.again())
        self._began_ns = time.monotonic_ns()

    def data_received(self, data: bytes) -> None:
        self._bytes += len(data)
        if self._done is None or self._bytes > _MOST_BYTES:
            self._lost("answer too large")
            return
        try:
            self._answers.feed(data)
        except UnreadableError:
            self._lost("no HTTP/1.1 answer")

    def connection_lost(self, exc: Exception | None) -> None:
        self._everyone.discard(self)
        if self in self._idle:
            self._idle.remove(self)
        self._answers.closed()
        self._lost("connection lost")

    def close(self) -> None:
        self._transport.abort()

    def abandon(self) -> None:
        """Close it, and tell nobody."""
        self._done = None
        self.close()

    def _answered(self, answer: Answer) -> None:
        self._conclude(answer, "")
        if self._answers.keeps_alive and not self._transport.is_closing():
            self.idle_since_s = time.monotonic()
            self._idle.append(self)
        else:
            self.close()

    def _lost(self, why: str) -> None:
        """Give up; also what is idle and says something unasked."""
        self.close()
        self._conclude(None, why)

    def _conclude(self, answer: Answer | None, why: str) -> None:
        done, self._done = self._done, None
        if self._timer is not None:
            self._timer.cancel()
        if done is not None:
            ended_ns = time.monotonic_ns() if answer is None else answer.ended_ns
            # Not here: what it raises would look like a broken answer.
            self._loop.call_soon(done, Reply(self._began_ns, ended_ns, answer, why))

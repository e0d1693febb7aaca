"""A TCP proxy that makes faults where they are real: on the wire between a client and its server.

It follows exchanges (a request, then its answer) by the turns that the two sides take, so it serves any protocol of
that kind; only the answer of an `error` is HTTP. One asyncio loop in a thread of its own.
"""

import asyncio
import math
import random
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, Self

from tailguard.base.ports import LOOPBACK

# error: 503 instead of an answer, before the server sees the request. lost: the server does it, its answer is lost
# (what a timeout is to the client). slow: the answer is held back. reset: the connection breaks, half of the times
# after the server has done it. down: nobody listens.
Kind = Literal["error", "lost", "slow", "reset", "down"]
KINDS: tuple[Kind, ...] = ("error", "lost", "slow", "reset", "down")

_CHUNK = 1 << 16
_CONTINUE = b"HTTP/1.1 100"  # an interim answer: the request goes on
_BODY = (
    b"<?xml version='1.0'?><Error><Code>ServiceUnavailable</Code><Message>Please try again.</Message></Error>"
)
_ERROR = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_RESET = struct.pack("ii", 1, 0)  # linger for 0 s: close with RST, as a dying host does
_START_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Fault:
    """What befalls a share of the exchanges; `seconds` is how long a `slow` answer is held back."""

    kind: Kind
    share: float = 1.0
    seconds: float = 0.0


class FaultProxy:
    """Listens on a loopback port and forwards to `host:port`, with the faults that are set at the moment.

    `exchanges` counts requests, `injected` faults by kind. A seed gives the same draws for the same order of requests.
    """

    def __init__(self, host: str, port: int, seed: int = 1) -> None:
        self._upstream = (host, port)
        self._chance = random.Random(seed)  # noqa: S311 - which requests are hit shall be repeatable, not secret
        self._faults: tuple[Fault, ...] = ()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.exchanges = 0
        self.injected: Counter[str] = Counter()
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._accept, LOOPBACK, 0, limit=_CHUNK))
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_TIMEOUT_S)
        self._loop.close()

    @property
    def address(self) -> str:
        """Return "host:port" where it listens."""
        return f"{LOOPBACK}:{self.port}"

    def set(self, faults: Sequence[Fault]) -> None:
        """Put these faults in place of those before; none is a plain proxy."""
        self._faults = tuple(faults)
        for fault in faults:
            if fault.kind == "down":
                self.drop(fault.share)

    def drop(self, share: float = 1.0) -> int:
        """Reset a share of the connections, at least one if there is any, and say how many."""
        return int(self._call(self._drop(share)))

    def _call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_START_TIMEOUT_S)

    async def _drop(self, share: float) -> int:
        chosen = self._chance.sample(list(self._writers), math.ceil(share * len(self._writers)))
        for writer in chosen:
            _reset(writer)
        return len(chosen)

    async def _close(self) -> None:
        self._server.close()
        await self._drop(1.0)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # a connection's callback is a task
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.CancelledError):
            _reset(writer)
        finally:
            self._writers.discard(writer)
            self._tasks.discard(task)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if any(fault.kind == "down" for fault in self._faults):
            self.injected["down"] += 1
            _reset(writer)
            return
        server_reader, server_writer = await asyncio.open_connection(*self._upstream, limit=_CHUNK)
        try:
            link = _Link(self, writer, server_reader, server_writer)
            answers = asyncio.create_task(link.answer())
            try:
                await link.ask(reader)
            finally:
                answers.cancel()
                await asyncio.gather(answers, return_exceptions=True)
        finally:
            server_writer.close()
            with suppress(OSError):
                await server_writer.wait_closed()

    def _drawn(self, kind: Kind) -> Fault | None:
        """Return a fault of that kind that is set and hits now."""
        for fault in self._faults:
            if fault.kind == kind and self._chance.random() < fault.share:
                self.injected[kind] += 1
                return fault
        return None

    def begin(self) -> Fault | None:
        """Count an exchange and return what shall befall it."""
        self.exchanges += 1
        kinds: tuple[Kind, ...] = ("error", "lost", "slow", "reset")
        return next((fault for kind in kinds if (fault := self._drawn(kind))), None)

    def coin(self) -> bool:
        return self._chance.random() < 0.5  # noqa: PLR2004  # even odds


class _Link:
    """One client's connection to the server: `ask` carries one way, `answer` the other."""

    def __init__(
        self,
        proxy: FaultProxy,
        client: asyncio.StreamWriter,
        server_reader: asyncio.StreamReader,
        server: asyncio.StreamWriter,
    ) -> None:
        self._proxy, self._client, self._server_reader, self._server = proxy, client, server_reader, server
        self._asking = False
        self._fault: Fault | None = None

    async def ask(self, reader: asyncio.StreamReader) -> None:
        """Carry requests to the server until the client hangs up, or a fault ends the connection."""
        while data := await reader.read(_CHUNK):
            if not self._asking:
                self._asking, self._fault = True, self._proxy.begin()
                if await self._refused(data, reader):
                    return
            self._server.write(data)
            await self._server.drain()

    async def _refused(self, data: bytes, reader: asyncio.StreamReader) -> bool:
        """Do what befalls a request before the server sees it; say whether that was its end."""
        if self._fault is None or self._fault.kind not in ("error", "reset"):
            return False
        if self._fault.kind == "reset" and self._proxy.coin():
            return False  # later: once the server has done it
        if self._fault.kind == "reset":
            _reset(self._client)
            return True
        await _read_out(data, reader)
        self._client.write(_ERROR)
        await self._client.drain()
        return True

    async def answer(self) -> None:
        """Carry answers to the client, or lose them."""
        while data := await self._server_reader.read(_CHUNK):
            if not data.startswith(_CONTINUE):
                if await self._lost():
                    continue
                self._asking = False
            self._client.write(data)
            await self._client.drain()
        self._client.close()

    async def _lost(self) -> bool:
        """Do what befalls an answer; say whether it never arrives."""
        fault = self._fault
        if fault is None:
            return False
        if fault.kind == "slow":
            self._fault = None  # the rest of the answer follows at once
            await asyncio.sleep(fault.seconds)
            return False
        if fault.kind == "reset":
            _reset(self._client)
        return True


async def _read_out(data: bytes, reader: asyncio.StreamReader) -> None:
    """Read the rest of an HTTP request whose body the client sends unasked, so that it hears the answer."""
    while b"\r\n\r\n" not in data:
        more = await reader.read(_CHUNK)
        if not more:
            return
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    if b"100-continue" in head.lower():
        return
    length = _LENGTH.search(head)
    left = (int(length[1]) if length else 0) - len(body)
    while left > 0 and (more := await reader.read(min(left, _CHUNK))):
        left -= len(more)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Break a connection without a farewell."""
    held: socket.socket | None = writer.get_extra_info("socket")
    if held is not None:
        with suppress(OSError):
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()

"""The proxy: bytes go between a user and the primary as they are; what they say is read after they were sent on."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tailguard.shadow.address import Address
from tailguard.shadow.messages import (
    MOST_BODY,
    Answer,
    AnswerReader,
    Request,
    RequestReader,
    UnreadableError,
)

_LOOK_S = 0.02
_UNREACHABLE = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(slots=True)
class Exchange:
    """A request of a user, and the primary's answer to it."""

    request: Request
    answer: Answer


class Watcher(Protocol):
    """Hears of one user's connection what has passed by."""

    def exchanged(self, exchange: Exchange) -> None:
        """Hear of a request that the primary has answered."""
        ...

    def unanswered(self, requests: int) -> None:
        """Hear that the connection ended with so many requests without a whole answer."""
        ...

    def unreadable(self) -> None:
        """Hear that the connection goes on in another protocol, or in broken HTTP."""
        ...


class Proxy:
    """Users on one side, the primary on the other: a connection there for each connection here.

    `watcher` makes what hears of a new connection; None: nothing is read, only passed on.
    """

    def __init__(self, primary: Address, watcher: Callable[[], Watcher] | None) -> None:
        self.primary, self.watcher = primary, watcher
        self.users: set[User] = set()
        self.most_users = self.unreachable = 0
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> int:
        """Begin to answer; returns the port. Raises OSError if it is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: User(self), host, port, backlog=1024)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self, patience_s: float) -> None:
        """Take no more connections, give those that have an answer to come so long, and end all."""
        if self._server is not None:
            self._server.close()
        await until(lambda: not any(user.is_busy for user in self.users), patience_s)
        for user in [*self.users]:
            user.close()
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool], patience_s: float) -> None:
    """Wait for a condition at the end of a run, for so long at most."""
    loop = asyncio.get_running_loop()
    ends_s = loop.time() + patience_s
    while not condition() and loop.time() < ends_s:  # noqa: ASYNC110  # no path that users wait for pays for an event
        await asyncio.sleep(_LOOK_S)


class User(asyncio.Protocol):
    """The connection of a user. What comes before the primary's end is open waits for it."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.view = View(proxy.watcher()) if proxy.watcher else None
        self._primary: asyncio.Transport | None = None
        self._early, self._said_all = bytearray(), False

    @property
    def is_busy(self) -> bool:
        return self.view is not None and self.view.is_busy

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # what streams are given
        self.transport = transport
        # A whole answer that is kept has room, so that a slow user does not make the primary look slow.
        self.transport.set_write_buffer_limits(high=2 * MOST_BODY)
        self.proxy.users.add(self)
        self.proxy.most_users = max(self.proxy.most_users, len(self.proxy.users))
        self._opening = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        at = self.proxy.primary
        loop = asyncio.get_running_loop()
        try:
            opened, _ = await loop.create_connection(lambda: _Primary(self), at.host, at.port, ssl=at.tls)
        except OSError:
            self.proxy.unreachable += 1
            self.transport.write(_UNREACHABLE)
            self.transport.close()
            return
        self._primary = opened
        if self._early:
            self.data_received(bytes(self._early))
            self._early.clear()
            self.transport.resume_reading()
        if self._said_all:
            self.eof_received()

    def data_received(self, data: bytes) -> None:
        if self._primary is None:
            self._early += data
            self.transport.pause_reading()
            return
        self._primary.write(data)
        if self.view is not None:
            self.view.sent(data)

    def eof_received(self) -> bool:
        self._said_all = True
        if self._primary is not None and self._primary.can_write_eof():
            self._primary.write_eof()
        return True  # the answer may still be on its way

    def connection_lost(self, exc: Exception | None) -> None:
        self.proxy.users.discard(self)
        self._opening.cancel()
        if self._primary is not None:
            self._primary.close()
        if self.view is not None:
            self.view.ended()

    def pause_writing(self) -> None:
        if self._primary is not None and not self._primary.is_closing():
            self._primary.pause_reading()

    def resume_writing(self) -> None:
        if self._primary is not None and not self._primary.is_closing():
            self._primary.resume_reading()

    def close(self) -> None:
        """End it; what was written goes out."""
        self.transport.close()


class _Primary(asyncio.Protocol):
    """The primary's end of a user's connection."""

    def __init__(self, user: User) -> None:
        self._user = user

    def data_received(self, data: bytes) -> None:
        self._user.transport.write(data)
        if self._user.view is not None:
            self._user.view.received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._user.view is not None:
            self._user.view.closed()
        self._user.close()

    def pause_writing(self) -> None:
        self._user.transport.pause_reading()

    def resume_writing(self) -> None:
        self._user.transport.resume_reading()


class View:
    """What a connection says, as long as it says HTTP/1.1."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._waiting: deque[Request] = deque()
        self._methods: deque[bytes] = deque()
        self._requests = RequestReader(self._requested)
        self._answers = AnswerReader(self._methods, self._answered)
        self._reads = True

    @property
    def is_busy(self) -> bool:
        return bool(self._waiting)

    def sent(self, data: bytes) -> None:
        """Read what the user sent."""
        self._read(lambda: self._requests.feed(data))

    def received(self, data: bytes) -> None:
        """Read what the primary sent."""
        self._read(lambda: self._answers.feed(data))

    def closed(self) -> None:
        """Hear that the primary has closed."""
        self._read(self._answers.closed)

    def ended(self) -> None:
        """Hear that the user's connection is over."""
        if self._waiting:
            self._watcher.unanswered(len(self._waiting))
            self._waiting.clear()

    def _read(self, read: Callable[[], None]) -> None:
        if self._reads:
            try:
                read()
            except UnreadableError:
                self._reads = False
                self._waiting.clear()
                self._watcher.unreadable()

    def _requested(self, request: Request) -> None:
        self._waiting.append(request)
        self._methods.append(request.method)

    def _answered(self, answer: Answer) -> None:
        if not self._waiting:  # it came before the request was whole
            raise UnreadableError
        self._methods.popleft()
        self._watcher.exchanged(Exchange(self._waiting.popleft(), answer))

"""The connections of one event loop: as many to each server as there are requests on their way."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping
from functools import cached_property
from time import monotonic_ns
from urllib.parse import SplitResult

from tailguard.http.connections import IDLE_S, TIMEOUT_S
from tailguard.http.wire.connection import Connection, Exchange

# How often it is looked what is stuck: a time-out is this much late at most.
_LOOK_S = 0.1
_IDLE_NS = int(IDLE_S * 1e9)
_DEFAULT_PORTS: Mapping[bool, int] = {False: 80, True: 443}


class Wire:
    """All connections; to be used on its loop. `tls` is asked for once a server is reached by https."""

    def __init__(self, tls: Callable[[], ssl.SSLContext]) -> None:
        self._loop = asyncio.get_running_loop()
        self._tls = tls
        self._servers: dict[tuple[str, str], Server] = {}
        self._looking = self._loop.call_later(_LOOK_S, self._look)

    def server(self, address: SplitResult) -> "Server":
        """Return the connections to the server of an address. Raises OSError for one that has none."""
        key = address.scheme, address.netloc
        if key not in self._servers:
            self._servers[key] = Server(self, address)
        return self._servers[key]

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """How certificates are checked."""
        return self._tls()

    def close(self) -> None:
        """Close all connections."""
        self._looking.cancel()
        for server in self._servers.values():
            server.close()

    def _look(self) -> None:
        since_ns = monotonic_ns() - int(TIMEOUT_S * 1e9)
        for server in self._servers.values():
            server.give_up(since_ns)
        self._looking = self._loop.call_later(_LOOK_S, self._look)


class Server:
    """The connections to one server.

    Attributes:
        name: host and port as the address has them.
        host_header: what a request's Host says.
    """

    def __init__(self, wire: Wire, address: SplitResult) -> None:
        self.name = address.netloc
        self._is_tls = address.scheme == "https"
        try:
            default = _DEFAULT_PORTS[self._is_tls]
            self._host, self._port = (address.hostname or "").encode("idna").decode(), address.port or default
        except ValueError as error:
            raise OSError(f"{address.netloc!r} is not the address of a server: {error}") from None
        host = f"[{self._host}]" if ":" in self._host else self._host
        self.host_header = host if self._port == default else f"{host}:{self._port}"
        self._wire = wire
        self._connections: set[Connection] = set()
        self._idle: list[Connection] = []
        self._opening: set[asyncio.Task[None]] = set()

    def send(self, exchange: Exchange, now_ns: int) -> None:
        """Send a request over the connection that was free last, or a new one."""
        while self._idle:
            connection = self._idle.pop()
            if connection.transport.is_closing():
                continue
            if now_ns - connection.touched_ns > _IDLE_NS:
                connection.abort()
                continue
            connection.send(exchange, now_ns)
            return
        self.again(exchange)

    def again(self, exchange: Exchange) -> None:
        """Send a request over a new connection."""
        task = asyncio.get_running_loop().create_task(self._open(exchange))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    def put_back(self, connection: Connection) -> None:
        """Take a connection that is free for the next request."""
        self._idle.append(connection)

    def lost(self, connection: Connection) -> None:
        """Forget a connection; among the idle ones it is found closed."""
        self._connections.discard(connection)

    def give_up(self, since_ns: int) -> None:
        """Fail the requests on which nothing has moved since then."""
        for connection in [each for each in self._connections if each.is_stuck(since_ns)]:
            connection.fail(TimeoutError("timed out"))

    def close(self) -> None:
        """Close all."""
        for task in self._opening:
            task.cancel()
        for connection in [*self._connections]:
            connection.abort()

    async def _open(self, exchange: Exchange) -> None:
        try:
            connection = await asyncio.wait_for(self._connected(), TIMEOUT_S)
        except OSError as error:
            failure = TimeoutError("timed out") if isinstance(error, TimeoutError) else error
            if exchange.receiver is not None:
                exchange.receiver.unanswered(failure, exchange.retries)
            return
        self._connections.add(connection)
        if exchange.receiver is None:
            self.put_back(connection)
        else:
            connection.send(exchange, monotonic_ns())

    async def _connected(self) -> Connection:
        """Connect to the first of the host's addresses that takes it. Raises what the last one gave."""
        loop = asyncio.get_running_loop()
        failure = OSError(f"{self.name} has no address")
        found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        for family, kind, protocol, _, address in found:
            plug = socket.socket(family, kind, protocol)
            try:
                plug.setblocking(False)  # noqa: FBT003  # it has no name there
                plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await loop.sock_connect(plug, address)
                _, connection = await loop.create_connection(
                    lambda: Connection(self),
                    sock=plug,
                    ssl=self._wire.tls if self._is_tls else None,
                    server_hostname=self._host if self._is_tls else None,
                )
            except OSError as error:
                plug.close()
                failure = error
            except BaseException:
                plug.close()
                raise
            else:
                return connection
        raise failure

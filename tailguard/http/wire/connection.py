"""One HTTP/1.1 connection: a request, then its answer, then the next request."""

import asyncio
import http.client
from dataclasses import dataclass
from time import monotonic_ns
from typing import Protocol

import httptools

from tailguard.http.wire.headers import Headers

# An answer's headers beyond this are not those of a service; http.client has the same limit for one line.
MOST_HEAD_BYTES = 1 << 18
# A body that somebody reads. Of one that nobody reads, what a message shows is kept.
MOST_BODY_BYTES, UNREAD_BYTES = 64 << 20, 1 << 12
_FIRST_FINAL = 200


class Receiver(Protocol):
    """Who sent a request."""

    def answered(self, status: int, raw: bytes, content: bytes, ended_ns: int, retries: int) -> None:
        """Take the answer: `raw` has its headers, `ended_ns` is when its last byte was here."""
        ...

    def unanswered(self, failure: OSError, retries: int) -> None:
        """Take what came in place of an answer."""
        ...


@dataclass(frozen=True, slots=True)
class Traits:
    """What is the same of all requests of a step.

    Attributes:
        is_safe: it may be sent again if a kept connection turns out to be closed (GET, HEAD, PUT, DELETE, OPTIONS).
        has_no_body: the answer has none, whatever its headers say (HEAD).
        reads: somebody reads the whole body.
    """

    is_safe: bool
    has_no_body: bool
    reads: bool


class Exchange:
    """A request on its way.

    Attributes:
        receiver: who sent it; None if nobody wants an answer any more.
    """

    __slots__ = ("connection", "data", "receiver", "retries", "traits")

    def __init__(self, data: bytes, traits: Traits, receiver: Receiver) -> None:
        self.data, self.traits = data, traits
        self.receiver: Receiver | None = receiver
        self.connection: Connection | None = None
        self.retries = 0

    def cancel(self) -> None:
        """Want no answer any more."""
        self.receiver = None
        if self.connection is not None and self.connection.exchange is self:
            self.connection.abort()


class Pool(Protocol):
    """The connections to one server."""

    name: str

    def put_back(self, connection: "Connection") -> None:
        """Take a connection that is free for the next request."""
        ...

    def lost(self, connection: "Connection") -> None:
        """Forget a connection."""
        ...

    def again(self, exchange: Exchange) -> None:
        """Send a request once more, over a new connection."""
        ...


class Connection(asyncio.Protocol):
    """Is put back into its pool after each answer, unless that ends it."""

    __slots__ = (
        "_body_bytes",
        "_content",
        "_has_head",
        "_has_surplus",
        "_is_complete",
        "_keeps",
        "_parser",
        "_pool",
        "_raw",
        "_requests",
        "_status",
        "_unsent",
        "exchange",
        "touched_ns",
        "transport",
    )

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._parser = httptools.HttpResponseParser(self)
        self._requests = 0
        self._unsent = 0
        self.touched_ns = 0
        self.transport: asyncio.Transport
        self.exchange: Exchange | None
        self._has_head: bool
        self._has_surplus: bool
        self._clear()

    def send(self, exchange: Exchange, now_ns: int) -> None:
        """Send a request; its receiver is told what comes of it."""
        self.exchange = exchange
        exchange.connection = self
        self._requests += 1
        self.touched_ns = now_ns
        self.transport.write(exchange.data)

    def abort(self) -> None:
        """Close at once, and tell nobody."""
        self.exchange = None
        self.transport.abort()

    def is_stuck(self, since_ns: int) -> bool:
        """Whether it awaits an answer, and nothing has come or gone since then."""
        if self.exchange is None:
            return False
        unsent, self._unsent = self._unsent, self.transport.get_write_buffer_size()
        if self._unsent < unsent:
            self.touched_ns = monotonic_ns()
        return self.touched_ns < since_ns

    def fail(self, failure: OSError) -> None:
        """End the request that is on its way by a failure, and close."""
        exchange, self.exchange = self.exchange, None
        self.transport.abort()
        if exchange is not None and exchange.receiver is not None:
            exchange.receiver.unanswered(failure, exchange.retries)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, as asyncio says."""
        self.transport = transport  # type: ignore[assignment]  # uvloop's is a class of its own

    def data_received(self, data: bytes) -> None:
        """Read a part of the answer."""
        ended_ns = self.touched_ns = monotonic_ns()
        if self.exchange is None:  # nobody asked
            self.transport.abort()
            return
        if not self._has_head:
            self._raw += data
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.fail(self._no_answer("it switches to another protocol, which nobody asked for"))
            return
        except httptools.HttpParserError as error:
            if not self._is_complete:
                self.fail(self._no_answer(str(error)))
                return
            self._has_surplus = True  # it is about what follows the answer
        if self._is_complete:
            self._finish(ended_ns)
        elif self._body_bytes > MOST_BODY_BYTES and self.exchange.traits.reads:
            self.fail(self._no_answer(f"its body has more than {MOST_BODY_BYTES >> 20} MiB"))
        elif not self._has_head and len(self._raw) > MOST_HEAD_BYTES:
            self.fail(self._no_answer(f"its headers have more than {MOST_HEAD_BYTES >> 10} KiB"))

    def connection_lost(self, reason: Exception | None) -> None:
        """End what is on its way, as asyncio says."""
        self._pool.lost(self)
        exchange = self.exchange
        if exchange is None:
            return
        if self._has_head and reason is None and self._ends_with_connection():
            self._finish(monotonic_ns())
        elif not self._raw and self._requests > 1 and exchange.traits.is_safe:
            self.exchange = None
            exchange.retries += 1
            self._pool.again(exchange)
        elif isinstance(reason, OSError):
            self.fail(reason)
        elif self._raw:
            self.fail(self._no_answer("the connection was closed in the middle of it"))
        else:
            self.fail(http.client.RemoteDisconnected("Remote end closed connection without response"))

    def on_message_begin(self) -> None:
        """Note what follows the answer without a question, as httptools says."""
        self._has_surplus = self._is_complete  # what it is, is nobody's answer

    def on_headers_complete(self) -> None:
        """Note the status, as httptools says."""
        if self._has_surplus:
            return
        self._status = self._parser.get_status_code()
        if self._status >= _FIRST_FINAL and self.exchange is not None:
            self._has_head = True
            if self.exchange.traits.has_no_body:
                self._end()

    def on_body(self, part: bytes) -> None:
        """Keep a part of the body, as httptools says; of one that nobody reads, the beginning."""
        assert self.exchange is not None
        if self._is_complete:
            return
        if self._body_bytes < UNREAD_BYTES or self.exchange.traits.reads:
            self._content.append(part)
        self._body_bytes += len(part)

    def on_message_complete(self) -> None:
        """Note the end of an answer, as httptools says; an interim one (1xx) is not the answer."""
        if self._has_head and not self._is_complete:
            self._end()

    def _end(self) -> None:
        self._is_complete = True
        self._keeps = self._parser.should_keep_alive()  # it knows that only now

    def _finish(self, ended_ns: int) -> None:
        exchange, status, raw, content = self.exchange, self._status, self._raw, self._content
        assert exchange is not None
        assert exchange.receiver is not None  # else it was aborted
        keeps = self._keeps and not self._has_surplus
        if exchange.traits.has_no_body:  # the parser would take what comes next for the body
            self._parser = httptools.HttpResponseParser(self)
        self._clear()
        if keeps:
            self._pool.put_back(self)
        else:
            self.transport.close()
        body = content[0] if len(content) == 1 else b"".join(content)
        exchange.receiver.answered(status, raw, body, ended_ns, exchange.retries)

    def _clear(self) -> None:
        self.exchange = None
        self._raw = b""
        self._content: list[bytes] = []
        self._status = self._body_bytes = 0
        self._has_head = self._is_complete = self._has_surplus = self._keeps = False

    def _ends_with_connection(self) -> bool:
        """Whether only the connection's end says where the body ends."""
        headers = Headers(self._raw)
        return (
            "content-length" not in headers and "chunked" not in headers.get("transfer-encoding", "").lower()
        )

    def _no_answer(self, why: str) -> OSError:
        return OSError(f"{self._pool.name} gave no HTTP answer: {why}")

"""HTTP/1.1 as it passes by: whole requests and answers, read from bytes that somebody else has sent on already."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httptools

# Larger requests and answers are not kept: they are not repeated and not compared.
MOST_BODY = 1 << 20
Headers = Sequence[tuple[bytes, bytes]]

# They belong to one connection, or say how a body was sent on it.
OF_THE_CONNECTION = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"content-length", b"te")
) | {b"trailer", b"upgrade", b"expect"}
SAFE = frozenset((b"GET", b"HEAD", b"OPTIONS"))
_CONTINUE, _SWITCHING, _OK = 100, 101, 200


class UnreadableError(Exception):
    """The bytes are no longer HTTP/1.1: broken, or of another protocol from here on."""


@dataclass(slots=True)
class Message:
    """What requests and answers share. `whole` is False if the body was too large to be kept."""

    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    whole: bool = True
    ended_ns: int = 0

    def add(self, data: bytes) -> None:
        """Keep more of the body."""
        if len(self.body) + len(data) > MOST_BODY:
            self.whole = False
        if self.whole:
            self.body += data

    def header(self, name: bytes) -> bytes:
        """Return the first header of that name, in small letters; b"" without one."""
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return b""


@dataclass(slots=True)
class Request(Message):
    """A request; `began_ns` is when all of it had been sent on."""

    method: bytes = b""
    target: bytes = b""

    @property
    def safe(self) -> bool:
        """Whether it changes nothing, as HTTP means it."""
        return self.method in SAFE

    def again(self) -> bytes:
        """Return its bytes for a connection of our own."""
        kept = [(key, value) for key, value in self.headers if key.lower() not in OF_THE_CONNECTION]
        if self.body or not self.safe:
            kept.append((b"Content-Length", b"%d" % len(self.body)))
        lines = [b"%b %b HTTP/1.1" % (self.method, self.target), *(b"%b: %b" % each for each in kept)]
        return b"\r\n".join([*lines, b"", bytes(self.body)])


@dataclass(slots=True)
class Answer(Message):
    """An answer."""

    status: int = 0


class RequestReader:
    """Reads the requests of one connection; `done` is called with each that is complete."""

    def __init__(self, done: Callable[[Request], None]) -> None:
        self._done, self._request = done, Request()
        self._parser = httptools.HttpRequestParser(self)

    def feed(self, data: bytes) -> None:
        """Read on. Raises UnreadableError."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise UnreadableError from error

    def on_message_begin(self) -> None:
        self._request = Request()

    def on_url(self, url: bytes) -> None:
        self._request.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._request.headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        self._request.add(body)

    def on_message_complete(self) -> None:
        self._request.method, self._request.ended_ns = self._parser.get_method(), time.monotonic_ns()
        self._done(self._request)


class AnswerReader:
    """Reads the answers of one connection.

    `methods` are those of the requests without an answer yet, the oldest first: an answer to HEAD has no body. `done`
    is called with each answer that is complete.
    """

    def __init__(self, methods: Sequence[bytes], done: Callable[[Answer], None]) -> None:
        self._methods, self._done, self._answer = methods, done, Answer()
        self._parser = httptools.HttpResponseParser(self)
        self._until_closed = False

    def feed(self, data: bytes) -> None:
        """Read on. Raises UnreadableError."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise UnreadableError from error
        if self._answer.status == _SWITCHING:
            raise UnreadableError

    def closed(self) -> None:
        """Hear that the server has closed the connection: that ends an answer which says no length."""
        if self._until_closed:
            self._complete()

    @property
    def keeps_alive(self) -> bool:
        """Whether the connection may be used again after the last answer."""
        return bool(self._parser.should_keep_alive())

    def on_message_begin(self) -> None:
        self._answer, self._until_closed = Answer(), False

    def on_header(self, name: bytes, value: bytes) -> None:
        self._answer.headers.append((name, value))

    def on_headers_complete(self) -> None:
        answer = self._answer
        answer.status = self._parser.get_status_code()
        if answer.status < _OK:
            return
        if self._methods and self._methods[0] == b"HEAD":
            self._parser = httptools.HttpResponseParser(self)  # the old one waits for a body
            self._complete()
        else:
            named = {key.lower() for key, _ in answer.headers}
            self._until_closed = not named & {b"content-length", b"transfer-encoding"}

    def on_body(self, body: bytes) -> None:
        self._answer.add(body)

    def on_message_complete(self) -> None:
        if self._answer.status >= _OK:
            self._complete()

    def _complete(self) -> None:
        self._until_closed = False
        answer, self._answer = self._answer, Answer()
        answer.ended_ns = time.monotonic_ns()
        self._done(answer)

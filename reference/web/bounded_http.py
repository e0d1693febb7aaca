"""uvicorn's HTTP on a connection, with bounds that it has none for: the head of a request, and the time it may take."""

import asyncio
import json
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 * 1024  # of the address and all headers; nginx takes 40 kB
MAX_HEADERS = 100  # as Apache
RECEIVE_S = 20.0  # from the first byte of a request to its last: 8 MiB at 3 Mbit/s
_ONE_READ = 256 * 1024  # what asyncio reads at once: so much may follow the end of a head


class TooLargeError(Exception):
    """The head of a request is over a bound."""


class BoundedHttp(HttpToolsProtocol):
    """Answers 431 to a head that is too large; closes a connection on which a request does not arrive in time."""

    _in_head, _too_large = True, False
    _unread = _headers = _head_bytes = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Give the first request its time."""
        super().connection_made(transport)
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is expected any more."""
        self._received()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse it, unless the head is over its bound."""
        self._expect_request()
        super().data_received(data)
        if self._in_head:  # a header is counted when it has ended; this one may never
            self._unread += len(data)
            if self._unread > MAX_HEAD_BYTES + _ONE_READ and not self.transport.is_closing():
                self._too_large = True
                self.send_400_response("")

    def on_message_begin(self) -> None:
        """Count anew."""
        self._headers = self._head_bytes = self._unread = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers += 1
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is within its bounds."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is here; the next begins with its head."""
        self._in_head = True
        self._received()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be parsed: 431 if it is the head's size."""
        if not self._too_large:
            super().send_400_response(msg)
            return
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        body = json.dumps({"error": status.phrase.lower(), "code": f"ERROR_{status.value}"})
        self.transport.write(
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n{body}".encode()
        )
        self.transport.close()

    def _count(self, more: int) -> None:
        self._head_bytes += more
        if self._head_bytes > MAX_HEAD_BYTES or self._headers > MAX_HEADERS:
            self._too_large = True
            raise TooLargeError

    def _expect_request(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(RECEIVE_S, self.transport.close)

    def _received(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

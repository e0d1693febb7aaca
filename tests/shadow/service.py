"""A real HTTP/1.1 server with what candidates do wrong; and users, who ask over real connections."""

import http.client
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Json = object
Respond = Callable[["Handler"], None]


@dataclass(slots=True)
class Seen:
    """What a server was asked: method, target and body, in order."""

    requests: list[tuple[str, str, bytes]] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    """Reads a request and lets the server's `respond` answer it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: "Service"

    def _respond(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.requests.append((self.command, self.path, self.body))
        self.server.respond(self)

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _respond  # noqa: N815  # the library's names

    def say(self, value: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Answer with JSON."""
        body = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        """Say nothing."""


class Service(ThreadingHTTPServer):
    """A server on a free port of the loopback address."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, respond: Respond) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.respond, self.seen = respond, Seen()
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no error here."""


@contextmanager
def served(respond: Respond) -> Iterator[Service]:
    """Serve as long as the `with`."""
    service = Service(respond)
    thread = threading.Thread(target=service.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.ended.set()
        service.shutdown()
        service.server_close()
        thread.join(5)


def shop(handler: Handler) -> None:
    """What an honest service answers: the same for the same request."""
    if handler.command == "POST":
        handler.say({"id": len(handler.body), "state": "paid"}, status=201)
    elif handler.path.startswith("/missing"):
        handler.say({"error": "no such thing"}, status=404)
    else:
        handler.say({"path": handler.path, "price": {"amount": 1299, "currency": "EUR"}, "tags": ["a", "b"]})


def liar(handler: Handler) -> None:
    """A price and a status that are not the primary's."""
    if handler.command == "POST":
        handler.say({"error": "stock"}, status=409)
    else:
        handler.say({"path": handler.path, "price": {"amount": 1300, "currency": "EUR"}, "tags": ["a", "b"]})


def hanging(handler: Handler) -> None:
    """Accepts, reads, never answers."""
    handler.server.ended.wait(60)


def dying(handler: Handler) -> None:
    """Half an answer, then the end of the connection."""
    handler.wfile.write(
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"path"'
    )
    handler.wfile.flush()
    handler.close_connection = True


def resetting(handler: Handler) -> None:
    """A reset in place of an answer."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.connection.close()


def flooding(handler: Handler) -> None:
    """An answer without an end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    while not handler.server.ended.is_set():
        handler.wfile.write(b"flood " * 10_000)


def slow(seconds: float) -> Respond:
    """The shop, later."""

    def respond(handler: Handler) -> None:
        time.sleep(seconds)
        shop(handler)

    return respond


@dataclass(frozen=True, slots=True)
class Got:
    """What a user was answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class User:
    """A user with one connection."""

    def __init__(self, port: int, timeout_s: float = 20.0) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Got:
        """Ask, and read the whole answer."""
        self._connection.request(method, path, body, dict(headers or {}))
        answer = self._connection.getresponse()
        text = answer.read()
        return Got(answer.status, dict(answer.headers), text)

    def close(self) -> None:
        self._connection.close()

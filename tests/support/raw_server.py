"""A server that says on its sockets, byte by byte, what a test wants."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Thread


@dataclass
class Asked:
    """One request as it came."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Return all values of a header."""
        return [value for each, value in self.headers if each.lower() == name]

    @property
    def path(self) -> str:
        return self.line.split(" ")[1]


class Caller:
    """A client's connection, from the server's side."""

    def __init__(self, plug: socket.socket, number: int, server: "RawServer") -> None:
        self.number, self._plug, self._server, self._rest = number, plug, server, b""

    def asked(self) -> Asked | None:
        """Wait for the next request; None once the client has closed."""
        while b"\r\n\r\n" not in self._rest:
            if not (part := self._plug.recv(1 << 16)):
                return None
            self._rest += part
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")
        found = Asked(
            line, [(name, value.strip()) for name, _, value in (each.partition(":") for each in lines)], b""
        )
        length = int((found.all("content-length") or ["0"])[0])
        while len(self._rest) < length:
            self._rest += self._plug.recv(1 << 16)
        found.body, self._rest = self._rest[:length], self._rest[length:]
        self._server.asked.append(found)
        return found

    def say(self, *parts: bytes) -> None:
        for part in parts:
            self._plug.sendall(part)

    def reset(self) -> None:
        """Close so that the client is told of a reset."""
        self._plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@dataclass
class RawServer:
    """What it was asked, in the order of arrival, and how many connections there were."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0


def answer(body: bytes = b"", status: str = "200 OK", *lines: str) -> bytes:
    """Return a whole answer with its length."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


@contextmanager
def raw_server(serve: Callable[[Caller], None]) -> Iterator[RawServer]:
    """Call `serve` for each connection in a thread of its own; the connection is closed when it returns."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        made = RawServer(f"http://127.0.0.1:{listening.getsockname()[1]}")

        def talk(plug: socket.socket, number: int) -> None:
            with plug, suppress(OSError):
                serve(Caller(plug, number, made))

        def accept() -> None:
            with suppress(OSError):
                while True:
                    plug, _ = listening.accept()
                    made.connections += 1
                    Thread(target=talk, args=(plug, made.connections), daemon=True).start()

        Thread(target=accept, daemon=True).start()
        yield made
        listening.shutdown(socket.SHUT_RDWR)


def answering(*said: bytes) -> Callable[[Caller], None]:
    """Return what answers each request with all of that, part by part."""

    def serve(caller: Caller) -> None:
        while caller.asked() is not None:
            caller.say(*said)

    return serve

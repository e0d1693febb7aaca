"""The WebSocket of an iteration: connect, send, await an event."""

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from tailguard.http.declared.answer import Answer
from tailguard.http.template import as_text
from tailguard.record.part import Json
from tailguard.websocket.audience import at_path

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

SWITCHING = 101
_PONG = '{"type":"pong"}'
_MOST_KINDS = 5


class EventLostError(Exception):
    """The awaited event did not come in time."""


class SocketClosedError(Exception):
    """The server closed the WebSocket, or refused it."""


class Socket:
    """One connection."""

    def __init__(self, connection: "ClientConnection") -> None:
        self._connection = connection

    @classmethod
    def connect(cls, url: str, headers: Mapping[str, str], within_s: float, lifetime: ExitStack) -> "Socket":
        """Connect, until the end of `lifetime`.

        Raises SocketClosedError if the server refuses, OSError if it does not answer.
        """
        from websockets.exceptions import InvalidHandshake  # noqa: PLC0415  # only files with WebSocket steps
        from websockets.sync.client import connect  # noqa: PLC0415  # likewise

        opening = partial(connect, open_timeout=within_s, close_timeout=1.0, max_size=None, compression=None)
        try:
            return cls(lifetime.enter_context(opening(url, additional_headers=dict(headers))))
        except InvalidHandshake as error:
            raise SocketClosedError(f"the WebSocket was refused: {error}") from error

    def send(self, message: Json) -> None:
        """Send a text, or JSON."""
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415  # it is loaded

        try:
            self._connection.send(
                message if isinstance(message, str) else msgspec.json.encode(message).decode()
            )
        except ConnectionClosed as closed:
            raise SocketClosedError(f"the server closed the WebSocket: {closed}") from closed

    def wait(self, asked: str, wanted: Mapping[str, Json], within_s: float) -> Answer:
        """Return the first event that has the wanted values at their paths; others are passed over.

        Raises EventLostError, with what came instead, or SocketClosedError.
        """
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415  # it is loaded

        deadline_s, heard = time.monotonic() + within_s, Counter[str]()
        while (left_s := deadline_s - time.monotonic()) > 0:
            try:
                text = self._connection.recv(left_s)
            except TimeoutError:
                break
            except ConnectionClosed as closed:
                raise SocketClosedError(f"{asked}: the server closed the WebSocket: {closed}") from closed
            event = _decoded(text)
            if all(_is(at_path(event, path), value) for path, value in wanted.items()):
                return Answer(asked, SWITCHING, {}, text if isinstance(text, bytes) else text.encode())
            kind = at_path(event, "type")
            if kind == "ping":
                self._connection.send(_PONG)
            heard[str(kind)] += 1
        frames = ", ".join(f"{kind} ({count})" for kind, count in heard.most_common(_MOST_KINDS)) or "none"
        raise EventLostError(
            f"{asked}: no event with {_told(wanted)} within {within_s:g} s; frames came of type {frames}"
        )


def _decoded(text: str | bytes) -> Json:
    try:
        found: Json = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found


def _is(found: Json, wanted: Json) -> bool:
    return found == wanted or (found is not None and as_text(found) == as_text(wanted))


def _told(wanted: Mapping[str, Json]) -> str:
    return " and ".join(f"{path} {value!r}" for path, value in wanted.items())

"""WebSocket connections of the `websockets` library on uvicorn's port.

uvicorn reads a request's head; when that asks for an upgrade, it hands the socket to the class configured as its
WebSocket protocol. The built-in ones translate to ASGI messages: one task and one queue a frame and subscriber. This
one makes the socket a `websockets` ServerConnection instead, so that the hub can use `websockets.broadcast` on all
subscribers (docs/decisions/0005-websocket-bridge.md).
"""

import asyncio
import logging
from typing import Any, Protocol, cast

from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import Server, ServerConnection
from websockets.frames import CloseCode
from websockets.http11 import Request, Response
from websockets.protocol import OPEN, Event
from websockets.server import ServerProtocol

OPEN_TIMEOUT_S = 10  # the library's own default for a handshake
MAX_FRAME_BYTES = 16 * 1024  # the contract's limit of a client's frame (close code 4009 there, 1009 here)
MAX_FRAMES_PER_S = 50  # a client sends a pong each 25 s, and few messages
SLICE_BYTES = 1024  # at most 170 frames
log = logging.getLogger("reference.web")


class Hub(Protocol):
    """What serves a connection: reference.hub.Hub, or a smaller one in a test."""

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse a handshake with a response, or None to go on."""

    async def converse(self, connection: ServerConnection) -> None:
        """Serve an open connection until it ends."""


class _Doorkeeper:
    """The part of websockets' Server that a connection asks for; uvicorn owns the listening socket."""

    def __init__(self) -> None:
        self.open = True

    def is_serving(self) -> bool:
        return self.open


class UpgradedConnection(ServerConnection):
    """A socket that uvicorn has upgraded, served by the hub in the app's lifespan state (`app_state["hub"]`)."""

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        self._doorkeeper = _Doorkeeper()
        self._server_state = server_state
        self._hub = cast("Hub", app_state["hub"])
        self._second = self._frames = 0
        super().__init__(
            ServerProtocol(max_size=MAX_FRAME_BYTES),
            cast("Server", self._doorkeeper),
            ping_interval=None,  # the contract has a heartbeat of its own, in application frames
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the socket. Skips ServerConnection's own, which asks its Server to start the handler."""
        Connection.connection_made(self, transport)
        self._server_state.connections.add(cast("Any", self))  # uvicorn shuts down whoever is in this set
        task = self.loop.create_task(self._serve())
        self._server_state.tasks.add(task)
        task.add_done_callback(self._server_state.tasks.discard)

    def data_received(self, data: bytes) -> None:
        """Take it piece by piece, so that a flood ends before all of it was parsed."""
        for at in range(0, len(data), SLICE_BYTES):
            if self.transport.is_closing():
                return
            super().data_received(data[at : at + SLICE_BYTES])

    def process_event(self, event: Event) -> None:
        """End a connection of more frames than the platform's own clients ever send; control frames count too."""
        second = int(self.loop.time())
        self._frames = self._frames + 1 if second == self._second else 1
        self._second = second
        if self._frames <= MAX_FRAMES_PER_S:
            super().process_event(event)
            return
        self.protocol.fail(CloseCode.POLICY_VIOLATION, "too many frames")
        self.send_data()
        self.transport.close()  # what it has sent besides is not read

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone: uvicorn need not wait for it any longer."""
        self._server_state.connections.discard(cast("Any", self))
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """uvicorn is stopping: say 1001 (going away), and let no handshake under way succeed."""
        self._doorkeeper.open = False
        if self.protocol.state is OPEN:
            task = self.loop.create_task(self.close(1001, "server is shutting down"))
            self._server_state.tasks.add(task)
            task.add_done_callback(self._server_state.tasks.discard)

    async def _serve(self) -> None:
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                await self.handshake(self._hub.admit)
            if self.protocol.state is OPEN:
                async with self:
                    await self._hub.converse(self)
        except TimeoutError:
            log.info("a WebSocket handshake took longer than %d s", OPEN_TIMEOUT_S)
        except Exception:
            log.exception("a WebSocket connection failed")
        finally:
            self.transport.abort()

"""The broadcast hub: the connections of each tournament, and one way to reach all of them from any thread."""

import asyncio
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from websockets.asyncio.server import Server, ServerConnection, broadcast, serve
from websockets.http11 import Request, Response

from reference.conversation import HEARTBEAT, Conversation, Heartbeat, tournament_of
from reference.rooms import Member
from reference.tokens import Tokens

LOOPBACK = ("localhost", "127.0.0.1", "::1")
# A client sends pongs and subscriptions: a larger frame is a mistake or an attack.
MAX_MESSAGE_BYTES = 16 * 1024
# How long `start` waits for the socket and `close` for the goodbyes; both take milliseconds.
PATIENCE_S = 10.0


class Hub:
    """Rooms of WebSocket connections. It runs on a loop of its own (`start`) or inside a server's (`attach`)."""

    def __init__(
        self,
        tokens: Tokens,
        member: Callable[[int, int], Member],
        *,
        hosts: Iterable[str] = LOOPBACK,
        heartbeat: Heartbeat = HEARTBEAT,
    ) -> None:
        """`member` looks up (tournament id, user id) and may block; `hosts` are the allowed hosts of an Origin."""
        self._tokens, self._member, self._heartbeat = tokens, member, heartbeat
        self._hosts = frozenset(hosts)
        self._rooms: defaultdict[int, set[ServerConnection]] = defaultdict(set)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._server: Server | None = None
        self._stop: asyncio.Event | None = None

    def start(self, host: str = "127.0.0.1", port: int = 0) -> tuple[str, int]:
        """Listen on a thread of the hub's own and return the address. Raises OSError where the port is taken."""
        ready: list[OSError | None] = []
        listening = threading.Event()

        async def run() -> None:
            self.attach(asyncio.get_running_loop())
            self._stop = asyncio.Event()
            try:
                server = serve(
                    self.converse, host, port, process_request=self.admit, compression=None, ping_interval=None,
                    max_size=MAX_MESSAGE_BYTES, server_header=None,
                )  # fmt: skip
                async with server as self._server:
                    listening.set()
                    await self._stop.wait()
            except OSError as error:
                ready.append(error)
                listening.set()

        self._thread = threading.Thread(target=asyncio.run, args=(run(),), name="deltacrown-hub", daemon=True)
        self._thread.start()
        if not listening.wait(PATIENCE_S):
            raise TimeoutError(f"the hub did not listen within {PATIENCE_S:g} s")
        if ready and ready[0] is not None:
            self._thread.join(PATIENCE_S)
            raise ready[0]
        return self.address

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Publish on this loop, where a server hands its connections to `converse`."""
        self._loop = loop

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of a started hub."""
        if self._server is None:
            raise RuntimeError("the hub is not started: call start() first")
        host, port = next(iter(self._server.sockets)).getsockname()[:2]
        return host, port

    def url(self, tournament_id: int, token: str) -> str:
        """Return the address that a subscriber of a tournament connects to."""
        host, port = self.address
        return f"ws://{host}:{port}/ws/tournament/{tournament_id}/?token={quote(token)}"

    def subscribers(self, tournament_id: int) -> int:
        """Return how many connections are in a tournament's room."""
        return len(self._rooms.get(tournament_id, ()))

    def publish(self, tournament_id: int, event: dict[str, Any]) -> None:
        """Send an event to a tournament's room, from any thread; returns before it is on the wire."""
        loop = self._loop
        if loop is None or tournament_id not in self._rooms:
            return
        text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        try:
            loop.call_soon_threadsafe(self._broadcast, tournament_id, text)
        except RuntimeError:  # the loop was closed in between: nobody is left to hear it
            return

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse a handshake without an allowed Origin (403) or to an unknown path (404), before the upgrade."""
        origin = request.headers.get("Origin")
        if origin is None or urlsplit(origin).hostname not in self._hosts:
            return connection.respond(HTTPStatus.FORBIDDEN, "the Origin header is missing or not allowed\n")
        if tournament_of(request.path) is None:
            return connection.respond(HTTPStatus.NOT_FOUND, "there is no such room\n")
        return None

    async def converse(self, connection: ServerConnection) -> None:
        """Serve one admitted connection until it ends."""
        conversation = Conversation(connection, self._tokens, self._member, self._heartbeat)
        member = await conversation.identify()
        if member is None:
            return
        room = self._rooms[conversation.tournament_id]
        try:
            # No await between these two: a subscriber in the room gets its welcome before the first event.
            room.add(connection)
            broadcast([connection], conversation.welcome(member))
            await conversation.listen()
        finally:
            room.discard(connection)
            if not room:
                self._rooms.pop(conversation.tournament_id, None)

    def close(self) -> None:
        """Say goodbye to all and end the hub's own thread. A second call does nothing."""
        thread, loop, stop = self._thread, self._loop, self._stop
        self._thread = self._loop = None
        if thread is not None and loop is not None and stop is not None and thread.is_alive():
            loop.call_soon_threadsafe(stop.set)
            thread.join(PATIENCE_S)

    def _broadcast(self, tournament_id: int, text: str) -> None:
        broadcast(self._rooms.get(tournament_id, ()), text)

"""One subscriber's socket: token, welcome, heartbeat and the few messages a client may send."""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from reference.errors import Unauthenticated
from reference.rooms import Member
from reference.tokens import SOCKET_LEEWAY_S, ExpiredToken, Tokens

NO_TOKEN, TOKEN_EXPIRED, BAD_TOKEN, NO_HEARTBEAT, NOT_JSON = 4001, 4002, 4003, 4004, 1011

_ROOM = re.compile(r"/ws/tournament/(\d{1,18})/?")


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """How often the server sends its ping frame, and how long it waits for any pong."""

    interval_s: float = 25.0
    timeout_s: float = 50.0


HEARTBEAT = Heartbeat()


def tournament_of(path: str) -> int | None:
    """Return the tournament id of a room's path, or None if it is not a room."""
    found = _ROOM.fullmatch(urlsplit(path).path)
    return int(found[1]) if found else None


class Conversation:
    """The messages of one connection."""

    def __init__(
        self,
        connection: ServerConnection,
        tokens: Tokens,
        member: Callable[[int, int], Member],
        heartbeat: Heartbeat,
    ) -> None:
        """Speak on an accepted connection to a room."""
        assert connection.request is not None  # the handshake is over
        self._connection, self._tokens, self._member, self._heartbeat = connection, tokens, member, heartbeat
        self._query = parse_qs(urlsplit(connection.request.path).query)
        self.tournament_id = tournament_of(connection.request.path) or 0
        self._last_pong_s = 0.0

    async def identify(self) -> Member | None:
        """Return the speaker's id, or close with the code that says why not."""
        token = self._query.get("token", [""])[0]
        if not token:
            await self._connection.close(NO_TOKEN, "a token is required")
            return None
        try:
            user_id = self._tokens.user_id(token, leeway_s=SOCKET_LEEWAY_S)
            return await asyncio.to_thread(self._member, self.tournament_id, user_id)
        except Unauthenticated as refusal:
            await self._refuse(refusal)
            return None

    def welcome(self, member: Member) -> str:
        """Return the first frame."""
        data = {
            "tournament_id": self.tournament_id,
            "user_id": member.user_id,
            "username": member.username,
            "role": member.role,
            "message": f"Connected to tournament {self.tournament_id}",
            "heartbeat_interval": self._heartbeat.interval_s,
        }
        return _frame("connection_established", data=data)

    async def listen(self) -> None:
        """Answer until the connection closes."""
        beat = asyncio.create_task(self._beat())
        try:
            async for message in self._connection:
                await self._answer(message)
        except ConnectionClosed:
            pass
        finally:
            beat.cancel()

    async def _answer(self, message: str | bytes) -> None:
        try:
            content = json.loads(message)
        except (ValueError, RecursionError):
            await self._connection.close(NOT_JSON, "a frame must be JSON")
            return
        kind = content.get("type") if isinstance(content, dict) else None
        match kind:
            case "pong":
                self._last_pong_s = asyncio.get_running_loop().time()
            case "ping":
                await self._connection.send(_frame("pong", timestamp=content.get("timestamp")))
            case "subscribe":
                await self._connection.send(_frame("subscribed", data={"tournament_id": self.tournament_id}))
            case str():
                await self._send_error("unsupported_message_type", f"unsupported message type: {kind[:50]}")
            case _:
                await self._send_error("invalid_schema", "a message is an object with a string `type`")

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        self._last_pong_s = loop.time()
        try:
            while True:
                await asyncio.sleep(self._heartbeat.interval_s)
                if loop.time() - self._last_pong_s >= self._heartbeat.timeout_s:
                    await self._connection.close(NO_HEARTBEAT, "no pong in time")
                    return
                await self._connection.send(_frame("ping", timestamp=loop.time()))
        except ConnectionClosed:
            return

    async def _refuse(self, refusal: Unauthenticated) -> None:
        expired = isinstance(refusal, ExpiredToken)
        try:
            await self._send_error("authentication_failed", str(refusal))
            await self._connection.close(TOKEN_EXPIRED if expired else BAD_TOKEN, str(refusal))
        except ConnectionClosed:
            return

    async def _send_error(self, code: str, message: str) -> None:
        await self._connection.send(_frame("error", code=code, message=message))


def _frame(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields}, ensure_ascii=False, separators=(",", ":"))

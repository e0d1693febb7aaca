"""What the suite of the matrix stands on: phases that say when they begin, and a room that broadcasts."""

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from websockets.asyncio.server import ServerConnection, broadcast, serve

WELCOME, UPDATE = "welcome", "update"


def begin(phase: str) -> None:
    """Say on standard error that a phase begins."""
    os.write(2, f"PHASE {phase}\n".encode())


class Phases:
    """Says once each that warm-up, whose iterations have numbers below 0, and measuring have begun."""

    def __init__(self) -> None:
        self._begun: set[str] = set()

    def tick(self, number: int) -> None:
        phase = "warm-up" if number < 0 else "measure"
        if phase not in self._begun:
            self._begun.add(phase)
            begin(phase)


class Room:
    """A WebSocket server on a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._there: set[ServerConnection] = set()
        self._started = threading.Event()
        self.port = 0

    def tell(self, number: int) -> None:
        text = json.dumps({"type": UPDATE, "number": number})
        self._loop.call_soon_threadsafe(broadcast, set(self._there), text)

    async def _welcome(self, connection: ServerConnection) -> None:
        self._there.add(connection)
        await connection.send(json.dumps({"type": WELCOME}))
        await connection.wait_closed()
        self._there.discard(connection)

    async def _serve(self) -> None:
        async with serve(self._welcome, "127.0.0.1", 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            self._started.set()
            await asyncio.Future()

    def start(self) -> None:
        threading.Thread(target=self._loop.run_until_complete, args=[self._serve()], daemon=True).start()
        self._started.wait(10)


@contextmanager
def open_room() -> Iterator[Room]:
    """Serve a room; it ends with this process."""
    room = Room()
    room.start()
    yield room


def section(record: object) -> str:
    """The report's own section: it says that the report is being written."""
    begin("report")
    return ""

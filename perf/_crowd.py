"""The subscribers' own process: light WebSocket clients that note when each event reaches each of them.

It lives apart from the load so that reading N frames does not delay the next request. It speaks in lines of JSON:
its task comes in on standard input (where a token is not seen by `ps`), then `flush` requests; `ready`, receipts
and failures go out on standard output. It ends when its standard input does, so it never outlives its parent.
"""

import asyncio
import hashlib
import json
import os
import sys
import time
from typing import Any

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

PONG = b'{"type":"pong"}'
# Finished events whose late copies still count as duplicates; older ones are forgotten to bound memory.
REMEMBERED_EVENTS = 4096


def field(frame: Any, path: str) -> Any:
    """Return the value at a dotted path of a decoded frame, None where it is missing."""
    for name in path.split("."):
        frame = frame.get(name) if isinstance(frame, dict) else None
    return frame


class Event:
    """One broadcast on its way: who has it, since when."""

    __slots__ = ("duplicates", "first_ns", "id", "key", "last_ns", "number", "seen_by")

    def __init__(self, key: Any, payload: bytes, number: int, first_ns: int) -> None:
        self.key, self.number, self.first_ns, self.last_ns = key, number, first_ns, first_ns
        self.id = int.from_bytes(hashlib.blake2b(payload, digest_size=8).digest(), "big", signed=True)
        self.seen_by: set[int] = set()
        self.duplicates = 0

    def receipt(self) -> dict[str, Any]:
        return {
            "receipt": self.key,
            "id": self.id,
            "count": len(self.seen_by),
            "first_ns": self.first_ns,
            "last_ns": self.last_ns,
        }


class Crowd:
    """All subscribers and what they have received; events are told apart by their whole text."""

    def __init__(self, task: dict[str, Any]) -> None:
        self.task = task
        self.size = int(task["subscribers"])
        self.waiting = self.size
        self.events: dict[bytes, Event] = {}
        self.last_number = [0] * self.size
        self.numbered = 0
        self.duplicates = self.out_of_order = self.dropped = 0
        self.closing = False

    def receive(self, subscriber: int, payload: bytes, now_ns: int) -> None:
        event = self.events.get(payload)
        if event is None:
            event = self.first_sight(payload, now_ns)
            if event is None:
                return
        if subscriber in event.seen_by:
            self.duplicates += 1
            return
        if event.number < self.last_number[subscriber]:
            self.out_of_order += 1
        self.last_number[subscriber] = event.number
        event.seen_by.add(subscriber)
        event.last_ns = now_ns
        if len(event.seen_by) == self.size:
            say(event.receipt())

    def first_sight(self, payload: bytes, now_ns: int) -> Event | None:
        frame = json.loads(payload)
        if frame.get("type") != self.task["event_type"]:
            return None
        self.numbered += 1
        event = self.events[payload] = Event(
            field(frame, self.task["key_path"]), payload, self.numbered, now_ns
        )
        if len(self.events) > REMEMBERED_EVENTS:
            del self.events[next(iter(self.events))]
        return event

    def flush(self, key: Any) -> None:
        """Say how far the newest event of `key` came: the parent has waited long enough."""
        newest = [event for event in self.events.values() if event.key == key][-1:]
        say(newest[0].receipt() if newest else {"receipt": key, "count": 0, "first_ns": 0, "last_ns": 0})

    def unfinished(self) -> list[dict[str, Any]]:
        """Return the receipts of the events that not everybody has."""
        return [event.receipt() for event in self.events.values() if len(event.seen_by) < self.size]

    def totals(self) -> dict[str, Any]:
        return {
            "totals": {
                "events": self.numbered,
                "duplicates": self.duplicates,
                "out_of_order": self.out_of_order,
                "dropped": self.dropped,
            }
        }


class Subscriber(WSListener):
    """One connection: answers the application's pings and hands events to the crowd."""

    def __init__(self, crowd: Crowd, number: int) -> None:
        self.crowd, self.number, self.welcomed = crowd, number, False

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        now_ns = time.monotonic_ns()
        if frame.msg_type != WSMsgType.TEXT:
            if frame.msg_type == WSMsgType.CLOSE:
                transport.disconnect()
            return
        payload = frame.get_payload_as_bytes()
        if payload[:24].find(b'"ping"') >= 0 and json.loads(payload).get("type") == "ping":
            transport.send(WSMsgType.TEXT, PONG)
        elif self.welcomed:
            self.crowd.receive(self.number, payload, now_ns)
        elif json.loads(payload).get("type") == self.crowd.task["ready_type"]:
            self.welcomed = True
            self.crowd.waiting -= 1
            if not self.crowd.waiting:
                say({"ready": self.crowd.size})

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if not self.crowd.closing:
            self.crowd.dropped += 1
            say({"dropped": self.number})


def say(line: dict[str, Any]) -> None:
    """Write one line of JSON to the parent."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def standard_input() -> asyncio.StreamReader:
    """Return standard input as a stream."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    return reader


async def run() -> None:
    """Connect everybody, then serve the parent's requests until it hangs up."""
    requests = await standard_input()
    crowd = Crowd(json.loads(await requests.readline()))
    if crowd.task["cpus"] and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, crowd.task["cpus"])
    transports = []
    for number in range(crowd.size):
        try:
            transport, _ = await ws_connect(
                lambda number=number: Subscriber(crowd, number),
                crowd.task["url"],
                extra_headers=crowd.task["headers"],
                websocket_handshake_timeout=5,
            )
        except Exception as error:  # noqa: BLE001  # whatever the handshake met is told to the parent, which raises
            say({"failed": f"{type(error).__name__}: {error}".replace(crowd.task["secret"] or "\0", "***")})
            return
        transports.append(transport)
    while line := await requests.readline():
        request = json.loads(line)
        if "flush" in request:
            crowd.flush(request["flush"])
        elif "totals" in request:
            say(crowd.totals())
        elif "unfinished" in request:
            say({"unfinished": crowd.unfinished()})
    crowd.closing = True
    for transport in transports:
        transport.send_close(WSCloseCode.OK)
        transport.disconnect()


if __name__ == "__main__":
    asyncio.run(run())

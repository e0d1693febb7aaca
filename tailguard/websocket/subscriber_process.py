"""The subscribers' own process: light WebSocket clients that note when each event reaches each of them.

It lives apart from the load so that reading N frames does not delay the next request. It speaks in lines of JSON:
its task comes in on standard input (where a token is not seen by `ps`), then `flush` requests; `ready`, receipts
and failures go out on standard output. It ends when its standard input does, so it never outlives its parent.
"""

import asyncio
import json
import os
import random
import signal
import sys
import time

import msgspec
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from tailguard.base.fast_loop import new_loop
from tailguard.websocket.audience import Audience
from tailguard.websocket.messages import AskTotals, AskUnfinished, Failed, Flush, Held, Request, Said, Task

PONG = b'{"type":"pong"}'
HANDSHAKE_S = 5
# Before its nth try to come back a client waits a random time of at most FIRST_PAUSE_S * 2**n ("full jitter"), so
# that a thousand of them do not come at once; a spectator does not wait longer than MOST_PAUSE_S.
FIRST_PAUSE_S, MOST_PAUSE_S = 0.05, 1.0
# How often we look whether we stood still, and from when on that is worth a word.
BEAT_NS, PAUSE_NS = 50_000_000, 50_000_000


class Subscriber(WSListener):
    """One connection: answers the application's pings and hands events to the audience."""

    def __init__(self, crowd: "Crowd", number: int) -> None:
        self.crowd, self.number, self.connected, self.welcomed = crowd, number, False, False

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.connected = True

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        now_ns = time.monotonic_ns()
        if frame.msg_type != WSMsgType.TEXT:
            if frame.msg_type == WSMsgType.CLOSE:
                self.crowd.audience.heard.closing(frame.get_close_code(), frame.get_close_message())
                transport.disconnect()
            return
        payload = frame.get_payload_as_bytes()
        if self.welcomed and self.crowd.audience.receive(self.number, payload, now_ns):
            return
        if payload[:24].find(b'"ping"') >= 0 and json.loads(payload).get("type") == "ping":
            transport.send(WSMsgType.TEXT, PONG)
        elif self.welcomed:
            self.crowd.audience.meet(self.number, payload, now_ns)
        elif (kind := json.loads(payload).get("type")) == self.crowd.audience.task.feed.ready_type:
            self.welcomed = True
            self.crowd.audience.join(self.number, now_ns)
        else:
            self.crowd.audience.heard.frame(kind)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.crowd.lost(self)


class Crowd:
    """The connections of an audience; each that breaks is made again if the task says so."""

    def __init__(self, audience: Audience) -> None:
        self.audience = audience
        self.transports: dict[int, WSTransport] = {}
        self.closing = False
        self._returning: dict[int, asyncio.Task[None]] = {}
        self._tries = [0] * audience.size

    async def connect(self, number: int) -> None:
        """Connect one subscriber; raises whatever the handshake met."""
        feed = self.audience.task.feed
        subscriber = Subscriber(self, number)
        self.transports[number], _ = await ws_connect(
            lambda: subscriber,
            feed.url,
            extra_headers=feed.headers,
            websocket_handshake_timeout=HANDSHAKE_S,
        )
        if not subscriber.connected:  # picows raises nothing if the server resets before it answers
            raise ConnectionResetError("the connection was reset during the handshake")

    def lost(self, subscriber: Subscriber) -> None:
        """A connection has ended."""
        if self.closing:
            return
        number, feed = subscriber.number, self.audience.task.feed
        if subscriber.connected and not subscriber.welcomed and not self.audience.comes_back:
            why = f"a connection ended before its {feed.ready_type!r} frame: {self.audience.heard}"
            self.audience.say(Failed(why))
        self.audience.leave(number, time.monotonic_ns())
        if self.audience.comes_back:
            self._tries[number] = 0 if subscriber.welcomed else self._tries[number]
            self._returning[number] = asyncio.create_task(self._come_back(number))

    def close(self) -> None:
        """Hang up."""
        self.closing = True
        for task in self._returning.values():
            task.cancel()
        for transport in self.transports.values():
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()

    async def _come_back(self, number: int) -> None:
        while True:
            most_s = min(FIRST_PAUSE_S * 2 ** self._tries[number], MOST_PAUSE_S)
            self._tries[number] += 1
            await asyncio.sleep(random.uniform(0, most_s))  # noqa: S311  # spreads clients, keeps no secret
            try:
                await self.connect(number)
            except Exception:  # noqa: BLE001, S112  # whatever refused us: the next try comes
                continue
            return


def say(said: Said) -> None:
    """Write one line of JSON to the parent."""
    sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
    sys.stdout.buffer.flush()


async def standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    return reader


async def tell_pauses() -> None:
    """Say each time that we stood still for longer than ever: no core, or stopped by somebody."""
    longest_ns = PAUSE_NS
    while True:
        due_ns = time.monotonic_ns() + BEAT_NS
        await asyncio.sleep(BEAT_NS / 1e9)
        late_ns = time.monotonic_ns() - due_ns
        if late_ns > longest_ns:
            longest_ns = late_ns
            say(Held(late_ns))


async def run() -> None:
    """Connect everybody, then serve the parent's requests until it hangs up."""
    requests = await standard_input()
    task = msgspec.json.decode(await requests.readline(), type=Task)
    audience = Audience(task, say)
    crowd = Crowd(audience)
    if task.cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, task.cpus)
    for number in range(audience.size):
        try:
            await crowd.connect(number)
        except Exception as error:  # noqa: BLE001  # the parent gets any error of the handshake and raises it
            say(Failed(f"{type(error).__name__}: {error}".replace(task.feed.secret or "\0", "***")))
            return
    pauses = asyncio.create_task(tell_pauses())
    while line := await requests.readline():
        match msgspec.json.decode(line, type=Request):
            case Flush(key=key):
                audience.flush(key)
            case AskTotals():
                say(audience.totals())
            case AskUnfinished():
                say(audience.unfinished())
    pauses.cancel()
    crowd.close()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # our parent's to hear
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(run())

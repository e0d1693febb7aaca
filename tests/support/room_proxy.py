"""A proxy before a served platform that makes single spectators late, or lets them miss an event."""

import asyncio
import json
import threading
from contextlib import contextmanager
from urllib.parse import urlsplit

SHORT, EXTENDED = 126, 126  # a frame's length is in its second byte, or in the two after it


class RoomProxy:
    """Forwards everything; WebSocket connections are numbered from 0 as they come.

    `delays_s` holds what a spectator hears back for so long; `drops(spectator, event)` says whether it misses an event.
    """

    def __init__(self, upstream, delays_s, drops):
        self.upstream, self.delays_s, self.drops = upstream, delays_s, drops
        self.spectators = 0
        self.loop = asyncio.new_event_loop()
        self.tasks = set()

    async def accept(self, reader, writer):
        self.tasks.add(asyncio.current_task())
        above, below = await asyncio.open_connection(self.upstream.hostname, self.upstream.port)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            below.write(head)
            watching = head.startswith(b"GET /ws/")
            number, self.spectators = self.spectators, self.spectators + watching
            answers = self.frames(above, writer, number) if watching else self.bytes(above, writer)
            await asyncio.gather(self.bytes(reader, below), answers)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            below.close()
            self.tasks.discard(asyncio.current_task())

    async def bytes(self, source, sink):
        while part := await source.read(1 << 16):
            sink.write(part)
        sink.close()

    async def frames(self, source, sink, number):
        sink.write(await source.readuntil(b"\r\n\r\n"))
        while True:
            head = await source.readexactly(2)
            size = head[1]
            if size == EXTENDED:
                head += await source.readexactly(2)
                size = int.from_bytes(head[2:4], "big")
            payload = await source.readexactly(size)
            event = json.loads(payload) if head[0] & 0x0F == 1 else {}
            if event.get("type") == "score_updated" and self.drops(number, event["data"]):
                continue
            self.loop.call_later(self.delays_s.get(number, 0), sink.write, head + payload)


@contextmanager
def room_proxy(url, delays_s, drops):
    """Run the proxy in a thread of its own; yields its address."""
    proxy, started, stop = RoomProxy(urlsplit(url), delays_s, drops), threading.Event(), asyncio.Event()
    port = []

    async def main():
        async with await asyncio.start_server(proxy.accept, "127.0.0.1", 0) as server:
            port.append(server.sockets[0].getsockname()[1])
            started.set()
            await stop.wait()
            for task in list(proxy.tasks):
                task.cancel()

    def run():
        asyncio.set_event_loop(proxy.loop)
        proxy.loop.run_until_complete(main())
        proxy.loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    started.wait(60)
    try:
        yield f"http://127.0.0.1:{port[0]}"
    finally:
        proxy.loop.call_soon_threadsafe(stop.set)
        thread.join(60)

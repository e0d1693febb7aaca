"""The server that generators of load are compared on: it answers at once, and counts what each path was asked."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SERVER = r"""
import asyncio
ASKED = {}
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"

class Answering(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data):
        path = data[5:10]
        if path == b"asked":
            body = str(ASKED.get(data[11:16], 0)).encode()
        else:
            ASKED[path] = ASKED.get(path, 0) + 1
            body = b'{"user": 1}'
        self.transport.write(ANSWER % (len(body), body))

async def serve():
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(serve())
"""


@contextmanager
def server() -> Iterator[int]:
    """The small server, in a process of its own; yields its port."""
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, encoding="utf-8")
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        end(process)
        process.stdout.close()


def end(process: subprocess.Popen[str]) -> None:
    """End a process, whether it is stopped or not."""
    process.kill()
    process.wait()

"""The bridge: connections of the `websockets` library on uvicorn's port, beside plain HTTP."""

import asyncio
import json
import socket
from contextlib import ExitStack, asynccontextmanager
from urllib.request import urlopen

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from websockets.asyncio.server import broadcast
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from reference.web.server import WebServer, bind


class EchoRooms:
    """The least that a hub must be: refuses one path, echoes what it gets, knows its members."""

    def __init__(self):
        self.connections = set()
        self.loop = None

    def admit(self, connection, request):
        return connection.respond(403, "not here\n") if request.path == "/refused" else None

    async def converse(self, connection):
        self.loop = asyncio.get_running_loop()
        self.connections.add(connection)
        try:
            async for message in connection:
                if message == "fail":
                    raise RuntimeError("a handler's own mistake")
                await connection.send(f"{connection.request.path} {message}")
        finally:
            self.connections.discard(connection)


@pytest.fixture
def rooms():
    return EchoRooms()


@pytest.fixture
def server(rooms):
    @asynccontextmanager
    async def lifespan(_):
        yield {"hub": rooms}

    async def plain(_):
        return PlainTextResponse("plain")

    app = Starlette(routes=[Route("/", plain)], lifespan=lifespan)
    with WebServer(app, bind("127.0.0.1", 0)) as server:
        yield server


def test_http_and_websocket_share_the_port(server):
    with urlopen(server.url) as answer:
        assert answer.read() == b"plain"
    with connect(f"ws://{server.address}/a/room/?q=1") as client:
        client.send("東京")
        assert client.recv(timeout=60) == "/a/room/?q=1 東京"


def test_answers_do_not_wait_for_acknowledgements(server, rooms):
    """With Nagle on, every answer took 44 ms: its body waited for the acknowledgement of its head."""
    with connect(f"ws://{server.address}/") as client:
        client.send("hello")
        client.recv(timeout=60)
        [connection] = rooms.connections
        served = connection.transport.get_extra_info("socket")
        assert served.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_handshake_can_be_refused_before_the_upgrade(server):
    with pytest.raises(InvalidStatus) as caught, connect(f"ws://{server.address}/refused"):
        pass
    assert caught.value.response.status_code == 403
    assert caught.value.response.body == b"not here\n"


def test_broadcast_of_the_library_reaches_all_subscribers(server, rooms):
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(f"ws://{server.address}/")) for _ in range(5)]
        for client in clients:
            client.send("hello")
            assert client.recv(timeout=60) == "/ hello"
        rooms.loop.call_soon_threadsafe(broadcast, rooms.connections, json.dumps({"type": "score_updated"}))
        assert [json.loads(client.recv(timeout=60)) for client in clients] == [{"type": "score_updated"}] * 5


def test_a_failing_handler_closes_only_its_own_connection(server, caplog):
    with connect(f"ws://{server.address}/") as client:
        client.send("fail")
        with pytest.raises(ConnectionClosed) as caught:
            client.recv(timeout=60)
    assert caught.value.rcvd.code == 1011
    with connect(f"ws://{server.address}/") as client:
        client.send("on")
        assert client.recv(timeout=60) == "/ on"
    assert "a handler's own mistake" in caplog.text


def test_a_frame_larger_than_the_contract_allows_is_refused(server):
    with connect(f"ws://{server.address}/") as client:
        client.send("x" * (16 * 1024 + 1))
        with pytest.raises(ConnectionClosed) as caught:
            client.recv(timeout=60)
    assert caught.value.rcvd.code == 1009


def test_clients_are_told_when_the_server_goes_away(rooms):
    @asynccontextmanager
    async def lifespan(_):
        yield {"hub": rooms}

    app = Starlette(lifespan=lifespan)
    with WebServer(app, bind("127.0.0.1", 0)) as server, connect(f"ws://{server.address}/") as client:
        client.send("hello")
        client.recv(timeout=60)
        server.stop()
        with pytest.raises(ConnectionClosed) as caught:
            client.recv(timeout=60)
    assert caught.value.rcvd.code == 1001
    assert not rooms.connections


def test_a_client_that_vanishes_leaves_nothing_behind(server, rooms):
    with connect(f"ws://{server.address}/") as client:
        client.send("hello")
        client.recv(timeout=60)
        client.socket.shutdown(socket.SHUT_RDWR)
    for _ in range(100):
        if not rooms.connections:
            break
        asyncio.run(asyncio.sleep(0.02))
    assert not rooms.connections
    assert not server._server.server_state.connections


def test_a_port_in_use_is_an_os_error(server):
    port = int(server.address.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        bind("127.0.0.1", port)

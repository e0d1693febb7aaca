"""What a rude client may take of the served platform: a bounded head, a bounded time, a bounded number of frames."""

import json
import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from reference.web import bounded_http
from reference.web.bridge import MAX_FRAMES_PER_S
from reference.web.endpoint import MAX_BODY_BYTES
from tests.support.web_served import serving

PATIENCE_S = 10
ROOT = Path(__file__).resolve().parents[2]
ORIGIN = "http://localhost"
PING = bytes([0x89, 0x80, 0, 0, 0, 0])  # a masked control frame without a payload
NOTHING = bytes([0x81, 0x82, 0, 0, 0, 0]) + b"{}"  # a masked message that is an empty object


@pytest.fixture(scope="module")
def served(module_database):
    with serving(module_database) as served:
        yield served


def open_socket(served):
    host, port = served.address.split(":")
    opened = socket.create_connection((host, int(port)), timeout=PATIENCE_S)
    opened.settimeout(PATIENCE_S)
    return opened


def answer_to(served, *pieces):
    """All that the server says until it closes the connection; what it no longer reads is not sent."""
    with open_socket(served) as client:
        with suppress(ConnectionError):
            for piece in pieces:
                client.sendall(piece)
        said = b""
        with suppress(ConnectionError):
            while more := client.recv(65536):
                said += more
        return said


def room(served):
    return connect(f"ws://{served.address}/ws/tournament/1/?token={served.token(2)}", origin=ORIGIN)


def until_closed(client):
    with suppress(ConnectionClosed):
        while True:
            client.recv(timeout=PATIENCE_S)


HEAD = b"GET /healthz/ HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        (HEAD + b"A: " + b"x" * 70_000 + b"\r\n\r\n",),
        (HEAD + b"A: ", *[b"x" * 65_536] * 160),
        (HEAD, *[b"A: 1\r\n" * 1000] * 100),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",),
    ],
    ids=["one header of 70 kB", "a header of 10 MB", "100,000 headers", "an address of 70 kB"],
)
def test_a_head_that_is_too_large_is_a_431(served, pieces):
    said = answer_to(served, *pieces)
    if said:  # a client that goes on writing may lose the answer with the connection
        assert said.startswith(b"HTTP/1.1 431 ")
        assert json.loads(said.partition(b"\r\n\r\n")[2])["code"] == "ERROR_431"
    assert served.get("/openapi.json")[0] == 200


def test_a_head_within_the_bounds_is_read(served):
    headers = {f"X-{number}": "x" * 600 for number in range(90)}
    assert served.get("/openapi.json", headers=headers)[0] == 200


def test_the_bounds_are_of_each_request_and_not_of_a_connection(served):
    for _ in range(5):
        assert served.get("/openapi.json", headers={"X-A": "x" * 40_000})[0] == 200


@pytest.mark.parametrize(
    "begun",
    [b"", HEAD, b"\r\n", b"POST /api/token/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"],
    ids=["nothing", "half a head", "an empty line", "half a body"],
)
def test_a_request_that_does_not_arrive_in_time_is_cut_off(served, begun, monkeypatch):
    monkeypatch.setattr(bounded_http, "RECEIVE_S", 0.2)
    assert b"200" not in answer_to(served, begun)


def test_a_connection_that_trickles_after_an_answer_is_cut_off_too(served, monkeypatch):
    monkeypatch.setattr(bounded_http, "RECEIVE_S", 0.2)
    with open_socket(served) as client:
        client.sendall(HEAD + b"\r\n")
        said = b""
        while not said.endswith(b"}"):
            said += client.recv(65536)
        client.sendall(b"\r\n")
        assert client.recv(65536) == b""


def test_a_websocket_outlives_the_time_of_a_request(served, monkeypatch):
    monkeypatch.setattr(bounded_http, "RECEIVE_S", 0.2)
    with room(served) as client:
        client.recv(timeout=PATIENCE_S)
        time.sleep(0.5)
        client.send('{"type": "ping"}')
        assert json.loads(client.recv(timeout=PATIENCE_S))["type"] == "pong"


def test_a_number_of_5000_digits_is_refused(served):
    assert served.get(f"/api/economy/wallets/1/transactions/?limit={'9' * 5000}", user=1)[0] == 400
    assert served.get(f"/api/economy/wallets/{'9' * 5000}/transactions/", user=1)[0] == 404


@pytest.mark.parametrize("message", ["[" * 16_000, '{"a":' * 3_000], ids=["lists", "objects"])
def test_a_message_nested_too_deep_closes_its_socket(served, message):
    with room(served) as client:
        client.send(message)
        until_closed(client)
    assert (client.close_code, client.close_reason) == (1011, "a frame must be JSON")  # else a handler failed


@pytest.mark.system
@pytest.mark.parametrize("frame", [PING, NOTHING], ids=["pings", "messages"])
def test_a_flood_of_frames_ends_its_connection_and_others_are_served(served, frame):
    with ExitStack() as stack:
        floods = [stack.enter_context(room(served)) for _ in range(50)]
        for flood in floods:
            flood.socket.settimeout(PATIENCE_S)
            with suppress(ConnectionError):
                flood.socket.sendall(frame * 2_000)
        assert served.get("/openapi.json")[0] == 200
        for flood in floods:
            until_closed(flood)


def test_a_client_that_talks_as_ours_do_stays(served):
    with room(served) as client:
        client.recv(timeout=PATIENCE_S)
        for _ in range(20):
            client.send('{"type": "ping"}')
        for _ in range(20):
            assert json.loads(client.recv(timeout=PATIENCE_S))["type"] == "pong"


def test_the_page_on_security_says_these_bounds():
    page = (ROOT / "docs/explanation/security.md").read_text(encoding="utf-8")
    head, body = bounded_http.MAX_HEAD_BYTES // 1024, MAX_BODY_BYTES // 2**20
    assert f"{head} kB and {bounded_http.MAX_HEADERS} headers of a request's head, {body} MiB of body" in page
    assert f"{bounded_http.RECEIVE_S:g} s\nuntil a request has arrived" in page
    assert f"{MAX_FRAMES_PER_S} WebSocket frames a second" in page

"""The hub, heard by real WebSocket clients: who may enter, what they hear, and when they are disconnected."""

import asyncio
import json
import threading

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from reference.conversation import Heartbeat
from reference.errors import Unauthenticated
from reference.hub import Hub
from reference.rooms import Member
from reference.tokens import Tokens

ORIGIN = "http://localhost"


def _member(tournament_id: int, user_id: int) -> Member:
    if user_id == 404:
        raise Unauthenticated("the token's user does not exist")
    return Member(user_id, "Curaçao 🏆", "spectator")


@pytest.fixture
def tokens():
    return Tokens("s" * 32)


@pytest.fixture
def hub(tokens):
    with_close = Hub(tokens, _member)
    with_close.start()
    yield with_close
    with_close.close()


def _client(url: str, **options):
    return connect(url, **{"origin": ORIGIN, "compression": None, "ping_interval": None} | options)


async def _hear(socket) -> dict:
    return json.loads(await asyncio.wait_for(socket.recv(), 5))


def test_the_welcome_comes_first_and_then_every_event_once(hub, tokens):
    async def scene():
        async with _client(hub.url(7, tokens.mint(5))) as socket:
            welcome = await _hear(socket)
            assert welcome["type"] == "connection_established"
            assert welcome["data"] == {
                "tournament_id": 7,
                "user_id": 5,
                "username": "Curaçao 🏆",
                "role": "spectator",
                "message": "Connected to tournament 7",
                "heartbeat_interval": 25.0,
            }
            for number in range(20):
                hub.publish(7, {"type": "score_updated", "data": {"match_id": number}})
            assert [(await _hear(socket))["data"]["match_id"] for _ in range(20)] == list(range(20))

    asyncio.run(scene())


def test_an_event_reaches_its_own_room_alone(hub, tokens):
    async def scene():
        async with _client(hub.url(1, tokens.mint(1))) as one, _client(hub.url(2, tokens.mint(2))) as two:
            await _hear(one)
            await _hear(two)
            assert (hub.subscribers(1), hub.subscribers(2), hub.subscribers(3)) == (1, 1, 0)
            hub.publish(1, {"type": "for one"})
            hub.publish(2, {"type": "for two"})
            assert ((await _hear(one))["type"], (await _hear(two))["type"]) == ("for one", "for two")

    asyncio.run(scene())


def test_events_come_from_any_thread(hub, tokens):
    async def scene():
        async with _client(hub.url(3, tokens.mint(1))) as socket:
            await _hear(socket)
            threads = [
                threading.Thread(target=hub.publish, args=(3, {"type": "x", "n": n})) for n in range(10)
            ]
            for thread in threads:
                thread.start()
            heard = {(await _hear(socket))["n"] for _ in range(10)}
            for thread in threads:
                thread.join()
            assert heard == set(range(10))

    asyncio.run(scene())


def test_who_leaves_is_out_of_the_room(hub, tokens):
    async def scene():
        async with _client(hub.url(4, tokens.mint(1))) as socket:
            await _hear(socket)
        for _ in range(3000):
            if hub.subscribers(4) == 0:
                return
            await asyncio.sleep(0.02)
        pytest.fail("the connection is still in the room")

    asyncio.run(scene())


@pytest.mark.parametrize("origin", [None, "http://evil.example", "null"])
def test_a_foreign_or_missing_origin_is_refused_before_the_upgrade(hub, tokens, origin):
    async def scene():
        with pytest.raises(InvalidStatus) as refusal:
            async with _client(hub.url(1, tokens.mint(1)), origin=origin):
                pass
        return refusal.value.response.status_code

    assert asyncio.run(scene()) == 403


def test_another_path_is_not_found(hub, tokens):
    async def scene():
        with pytest.raises(InvalidStatus) as refusal:
            async with _client(hub.url(1, tokens.mint(1)).replace("/tournament/1", "/tournament/one")):
                pass
        return refusal.value.response.status_code

    assert asyncio.run(scene()) == 404


@pytest.mark.parametrize(
    ("token", "code", "frames"),
    [
        (lambda _: "", 4001, []),
        (lambda _: "nonsense", 4003, ["authentication_failed"]),
        (lambda tokens: tokens.mint(404), 4003, ["authentication_failed"]),
        (lambda tokens: tokens.mint(1, lasts_s=-61), 4002, ["authentication_failed"]),
    ],
)
def test_a_token_that_does_not_hold_is_told_so_and_closed(hub, tokens, token, code, frames):
    assert asyncio.run(_heard_until_closed(hub.url(1, token(tokens)))) == (frames, code)


def test_a_token_may_have_expired_within_the_last_minute(hub, tokens):
    async def scene():
        async with _client(hub.url(1, tokens.mint(1, lasts_s=-30))) as socket:
            return (await _hear(socket))["type"]

    assert asyncio.run(scene()) == "connection_established"


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ({"type": "ping", "timestamp": 12}, {"type": "pong", "timestamp": 12}),
        ({"type": "subscribe"}, {"type": "subscribed", "data": {"tournament_id": 6}}),
        ({"kind": "ping"}, {"type": "error", "code": "invalid_schema"}),
        ([1], {"type": "error", "code": "invalid_schema"}),
        ({"type": 7}, {"type": "error", "code": "invalid_schema"}),
        ({"type": "launch"}, {"type": "error", "code": "unsupported_message_type"}),
    ],
)
def test_what_a_client_says_is_answered(hub, tokens, said, answer):
    async def scene():
        async with _client(hub.url(6, tokens.mint(1))) as socket:
            await _hear(socket)
            await socket.send(json.dumps(said))
            return await _hear(socket)

    assert answer.items() <= asyncio.run(scene()).items()


@pytest.mark.parametrize("said", ["{", b"\xff\xfe"])
def test_a_frame_that_is_not_json_ends_the_connection(hub, tokens, said):
    async def scene():
        async with _client(hub.url(1, tokens.mint(1))) as socket:
            await _hear(socket)
            await socket.send(said)
            with pytest.raises(ConnectionClosed) as closed:
                await _hear(socket)
            return closed.value.rcvd.code

    assert asyncio.run(scene()) == 1011


def test_who_never_answers_a_ping_is_let_go_and_who_does_stays(tokens):
    hub = Hub(tokens, _member, heartbeat=Heartbeat(interval_s=0.1, timeout_s=0.3))
    hub.start()

    async def answering(url: str) -> int:
        pings = 0
        async with _client(url) as socket:
            while pings < 6:
                if (await _hear(socket))["type"] == "ping":
                    pings += 1
                    await socket.send('{"type":"pong"}')
        return pings

    async def scene():
        url = hub.url(1, tokens.mint(1))
        return await asyncio.gather(answering(url), _heard_until_closed(url))

    try:
        pings, (frames, code) = asyncio.run(scene())
    finally:
        hub.close()
    assert pings == 6
    assert code == 4004
    assert {"ping"} == set(frames[1:])


def test_a_taken_port_is_an_os_error(hub, tokens):
    other = Hub(tokens, _member)
    with pytest.raises(OSError, match="in use"):
        other.start(port=hub.address[1])
    other.close()


def test_a_hub_that_is_not_started_has_no_address_and_publishes_to_nobody(tokens):
    hub = Hub(tokens, _member)
    hub.publish(1, {"type": "x"})
    with pytest.raises(RuntimeError, match="call start"):
        _ = hub.address
    hub.close()


def test_closing_says_goodbye_ends_the_thread_and_may_be_repeated(tokens):
    hub = Hub(tokens, _member)
    hub.start()

    async def scene():
        async with _client(hub.url(1, tokens.mint(1))) as socket:
            await _hear(socket)
            await asyncio.to_thread(hub.close)
            with pytest.raises(ConnectionClosed) as closed:
                await _hear(socket)
            return closed.value.rcvd.code

    assert asyncio.run(scene()) == 1001
    hub.close()
    hub.publish(1, {"type": "x"})
    assert not any(thread.name == "deltacrown-hub" for thread in threading.enumerate())


async def _heard_until_closed(url: str) -> tuple[list[str], int]:
    """Return the types (codes of errors) of the frames until the end, and the close code."""
    frames = []
    async with _client(url) as socket:
        try:
            while True:
                frame = await _hear(socket)
                frames.append(frame.get("code", frame["type"]))
        except ConnectionClosed as closed:
            return frames, closed.rcvd.code

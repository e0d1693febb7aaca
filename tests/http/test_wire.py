"""Hard cases of HTTP/1.1 as a declared scenario meets them: each from a server that really does it."""

import gzip
import socket
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tailguard.http.wire import connection, pool
from tests.support.declared_play import Played
from tests.support.raw_play import GO, OK, READING, Play
from tests.support.raw_server import Caller, answer, answering

pytestmark = pytest.mark.system
CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"id\r\n5;x=y\r\n": 7}\r\n0\r\nTrailer: x\r\n\r\n'


def test_connections_are_kept_and_one_client_needs_one(play: Play) -> None:
    seen = play(answering(OK), READING, 20)
    assert (seen.ok, seen.kinds) == (20, {})
    assert seen.server.connections <= 2


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_an_answer_may_come_in_any_pieces(play: Play, piece: int) -> None:
    whole = CHUNKED
    parts = [whole[at : at + piece] for at in range(0, len(whole), piece)]

    def serve(caller: Caller) -> None:
        while caller.asked() is not None:
            for part in parts:
                caller.say(part)
                time.sleep(0.0005)

    seen = play(serve, READING, 4)
    assert (seen.ok, seen.kinds) == (4, {})


def test_a_chunked_answer_keeps_its_connection(play: Play) -> None:
    seen = play(answering(CHUNKED), READING, 10)
    assert (seen.ok, seen.server.connections <= 2) == (10, True)


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body)[2:-4]),
        ("deflate, gzip", lambda body: gzip.compress(zlib.compress(body))),
    ],
    ids=["gzip", "deflate", "bare deflate", "both"],
)
def test_a_compressed_answer_is_read(play: Play, encoding: str, pack: Callable[[bytes], bytes]) -> None:
    body = answer(pack(b'{"id": 7}'), "200 OK", f"Content-Encoding: {encoding}")
    seen = play(
        answering(body),
        READING + 'headers = { Accept-Encoding = "gzip, deflate" }\nsave = { id = "json.id" }\n',
    )
    assert (seen.ok, seen.kinds) == (4, {})
    assert seen.server.asked[0].all("accept-encoding") == ["gzip, deflate"]


def test_a_damaged_compressed_answer_is_an_error_that_says_so(play: Play) -> None:
    seen = play(
        answering(answer(gzip.compress(b'{"id": 7}')[:-9], "200 OK", "Content-Encoding: gzip")), READING
    )
    assert seen.kinds == {"UnreadableBodyError": 4}
    assert "the packed body has no end" in seen.said


def test_a_compressed_error_keeps_its_status_however_long_it_is(play: Play) -> None:
    long = gzip.compress(b"".join(b"%d" % number for number in range(20_000)))
    seen = play(answering(answer(long, "500 Internal Server Error", "Content-Encoding: gzip")))
    assert seen.kinds == {"HTTP 500": 4}


def test_an_answer_without_a_body_has_nothing_to_unpack(play: Play) -> None:
    text = GO + 'method = "HEAD"\nsave = { size = "header.content-length" }\n'
    seen = play(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nContent-Encoding: gzip\r\n\r\n"), text)
    assert (seen.ok, seen.kinds) == (4, {})


def test_a_small_answer_that_unpacks_to_too_much_is_an_error(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tailguard.http.wire.headers.MOST_UNPACKED_BYTES", 1 << 20)
    bomb = answer(gzip.compress(b"0" * (3 << 20)), "200 OK", "Content-Encoding: gzip")
    seen = play(answering(bomb), READING, 2)
    assert seen.kinds == {"UnreadableBodyError": 2}
    assert "more than 1 MiB" in seen.said


def test_interim_answers_are_not_the_answer(play: Play) -> None:
    interim = (
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nSet-Cookie: no=1\r\n\r\n",
    )
    text = (
        GO
        + 'method = "POST"\nbody = { a = 1 }\nheaders = { Expect = "100-continue" }\nsave = { tag = "header.ETag" }\n'
    )
    tagged = answer(b"{}", "201 Created", "ETag: e1")
    for said in ((*interim, tagged), (b"".join([*interim, tagged]),)):
        seen = play(answering(*said), text)
        assert (seen.ok, seen.kinds) == (4, {})
        assert seen.server.asked[0].body == b'{"a":1}'


def test_a_server_that_says_close_gets_a_new_connection_for_each_request(play: Play) -> None:
    seen = play(answering(answer(b"", "200 OK", "Connection: close")), GO, 6)
    assert (seen.ok, seen.kinds) == (6, {})
    assert seen.server.connections == 6


def test_a_body_without_a_length_ends_with_its_connection(play: Play) -> None:
    def serve(caller: Caller) -> None:
        caller.asked()
        caller.say(b'HTTP/1.0 200 OK\r\n\r\n{"id"', b": 7}")

    seen = play(serve, READING, 6)
    assert (seen.ok, seen.kinds) == (6, {})


def once(caller: Caller) -> None:
    """Answer one request as if the connection stayed, and close it when the next one comes."""
    caller.asked()
    caller.say(OK)
    caller.asked()


def test_a_kept_connection_that_closes_under_a_get_is_replaced_and_the_retry_is_in_the_sample(
    play: Play,
) -> None:
    seen = play(once, GO, 10)
    assert (seen.ok, seen.kinds) == (10, {})
    samples = seen.played.of["go"].samples
    assert samples.retries.max() == 1
    assert samples.retries.sum() == len(seen.server.asked) - 10 > 0


def test_a_post_is_never_sent_twice(play: Play) -> None:
    seen = play(once, GO + 'method = "POST"\n', 10)
    assert len(seen.server.asked) == 10
    assert set(seen.kinds) <= {"RemoteDisconnected", "ConnectionResetError"}
    assert seen.ok == 10 - sum(seen.kinds.values()) < 10


def test_a_new_connection_that_closes_without_an_answer_is_an_error_even_of_a_get(play: Play) -> None:
    seen = play(lambda caller: caller.asked() and None, GO)
    assert seen.kinds == {"RemoteDisconnected": 4}
    assert len(seen.server.asked) == 4


def test_a_reset_is_an_error_by_its_own_name(play: Play) -> None:
    def serve(caller: Caller) -> None:
        caller.asked()
        caller.reset()

    assert play(serve).kinds == {"ConnectionResetError": 4}


@pytest.mark.parametrize(
    "half",
    [
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
    ids=["head", "body", "closing body", "chunk"],
)
def test_half_an_answer_is_an_error_and_is_not_asked_for_again(play: Play, half: bytes) -> None:
    def serve(caller: Caller) -> None:
        caller.asked()
        caller.say(half)

    seen = play(serve)
    assert (seen.ok, seen.kinds) == (0, {"OSError": 4})
    assert "gave no HTTP answer: the connection was closed in the middle of it" in seen.said
    assert len(seen.server.asked) == 4


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ],
    ids=["ssh", "two lengths", "length and chunks", "upgrade"],
)
def test_what_is_not_an_answer_is_an_error(play: Play, said: bytes) -> None:
    seen = play(answering(said))
    assert (seen.ok, seen.kinds) == (0, {"OSError": 4})
    assert "gave no HTTP answer" in seen.said


def test_an_offer_to_upgrade_is_an_answer_as_any_other(play: Play) -> None:
    seen = play(answering(answer(b"", "200 OK", "Upgrade: h2c", "Connection: Upgrade, Keep-Alive")))
    assert (seen.ok, seen.kinds) == (4, {})


@pytest.mark.parametrize(
    "wrong", [answer(b'{"id": 8}'), b"no HTTP at all", b"HTTP/1.1 2"], ids=["whole", "other", "half"]
)
def test_what_follows_an_answer_unasked_is_never_taken_for_the_next_one(play: Play, wrong: bytes) -> None:
    seen = play(answering(OK + wrong), READING, 8)
    assert (seen.ok, seen.kinds) == (8, {})
    assert seen.server.connections == 8


def test_a_server_that_stops_talking_is_a_time_out(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "TIMEOUT_S", 0.2)

    def serve(caller: Caller) -> None:
        caller.asked()
        caller.say(OK[:20])
        caller.asked()

    seen = play(serve, GO, 2)
    assert seen.kinds == {"TimeoutError": 2}
    assert seen.said == "timed out"
    samples = seen.played.of["go"].samples
    assert (samples.ended_ns - samples.started_ns).min() >= 200_000_000


def test_a_slow_answer_that_keeps_coming_is_none(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "TIMEOUT_S", 0.4)

    def serve(caller: Caller) -> None:
        while caller.asked() is not None:
            for at in range(len(OK) // 8 + 1):
                caller.say(OK[8 * at : 8 * at + 8])
                time.sleep(0.08)

    seen = play(serve, READING, 2)
    assert (seen.ok, seen.kinds) == (2, {})


def test_nobody_listening_is_an_error_by_its_own_name(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    (tmp_path / "go.toml").write_text(GO, encoding="utf-8")
    assert Played(tmp_path / "go.toml", url, 4).kinds("go") == {"ConnectionRefusedError": 4}


def test_the_answer_to_head_has_no_body_whatever_its_headers_say(play: Play) -> None:
    def serve(caller: Caller) -> None:
        while caller.asked() is not None:
            caller.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")

    seen = play(serve, GO + 'method = "HEAD"\n', 10)
    assert (seen.ok, seen.kinds) == (10, {})
    assert seen.server.connections <= 2


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_answers_that_never_have_a_body_end_with_their_headers(play: Play, status: str) -> None:
    seen = play(answering(f"HTTP/1.1 {status}\r\nETag: x\r\n\r\n".encode()), GO, 10)
    assert (seen.ok, seen.kinds) == (10, {})
    assert seen.server.connections <= 2


def test_many_and_long_headers_are_read(play: Play) -> None:
    lines = [f"X-Number-{number}: {'x' * 600}" for number in range(200)]
    seen = play(
        answering(answer(b"{}", "200 OK", *lines, "X-Last: here")), GO + 'save = { last = "header.x-last" }\n'
    )
    assert (seen.ok, seen.kinds) == (4, {})


def test_headers_without_an_end_are_an_error_and_do_not_fill_the_memory(play: Play) -> None:
    def serve(caller: Caller) -> None:
        caller.asked()
        caller.say(b"HTTP/1.1 200 OK\r\n")
        while True:
            caller.say(b"X-More: " + b"x" * 65536 + b"\r\n")

    seen = play(serve, GO, 2)
    assert seen.kinds == {"OSError": 2}
    assert f"its headers have more than {connection.MOST_HEAD_BYTES >> 10} KiB" in seen.said


def test_a_body_that_is_read_has_a_limit_and_one_that_is_not_read_has_none(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "MOST_BODY_BYTES", 1 << 20)
    large = answering(answer(b" " * (3 << 20)))
    assert play(large).ok == 4
    seen = play(large, READING, 2)
    assert seen.kinds == {"OSError": 2}
    assert "its body has more than 1 MiB" in seen.said

"""Users get what the primary says, byte for byte, and the candidate is asked the same afterwards."""

import socket
import time

from tests.shadow.service import Handler, shop
from tests.shadow.stage import staged
from tests.support.waiting import eventually


def raw(port: int, data: bytes, wanted: bytes) -> bytes:
    """Send bytes as they are; return what came until `wanted` was in it, or the end."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(data)
        got = b""
        while wanted not in got and (more := connection.recv(65536)):
            got += more
        return got


def test_a_user_is_answered_by_the_primary_and_the_candidate_is_asked_the_same() -> None:
    with staged(shop) as stage:
        user = stage.user()
        got = user.ask("/items/1?x=%20y", headers={"Cookie": "session=1", "X-Trace": "abc"})
        assert (got.status, b'"amount": 1299' in got.body) == (200, True)
        assert user.ask("/orders", "POST", b'{"n": 1}').status == 201
        assert user.ask("/items/2", "HEAD").body == b""
        assert user.ask("/missing").status == 404
        stage.settled()
        asked = [
            ("GET", "/items/1?x=%20y", b""), ("POST", "/orders", b'{"n": 1}'), ("HEAD", "/items/2", b""),
            ("GET", "/missing", b""),
        ]  # fmt: skip
        assert sorted(stage.candidate.seen.requests) == sorted(asked)
        # Reads are asked of the primary twice, to learn its noise; a write never.
        of_primary = stage.primary.seen.requests
        assert [each for each in of_primary if each[0] == "POST"] == [asked[1]]
        assert len(stage.service.book) == 4
        assert stage.service.book.examples == {}


def test_headers_of_the_user_reach_the_candidate_and_those_of_the_connection_do_not() -> None:
    seen: list[dict[str, str]] = []

    def noting(handler: Handler) -> None:
        seen.append(dict(handler.headers))
        shop(handler)

    with staged(noting) as stage:
        headers = {"Cookie": "session=1", "Connection": "close", "Expect": "100-continue", "X-Trace": "abc"}
        assert stage.user().ask("/orders", "POST", b"12", headers).status == 201
        stage.settled()
    (one,) = seen
    assert (one["Cookie"], one["X-Trace"], one["Content-Length"]) == ("session=1", "abc", "2")
    assert not {"Connection", "Expect"} & {*one}


def test_a_chunked_upload_and_a_pipelined_request_are_repeated_whole() -> None:
    upload = b"POST /orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"

    def chunked(handler: Handler) -> None:
        while (size := int(handler.rfile.readline(), 16)) > 0:
            handler.rfile.read(size + 2)
        handler.rfile.readline()
        handler.say({"ok": True})

    with staged(shop, primary=chunked) as stage:
        assert b"ok" in raw(stage.port, upload, b"ok")
        stage.settled()
        assert stage.candidate.seen.requests == [("POST", "/orders", b"abcde")]
    two = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n"
    with staged(shop) as stage:
        assert b'"/a"' in raw(stage.port, two, b'"/b"')
        stage.settled()
        assert {path for _, path, _ in stage.candidate.seen.requests} == {"/a", "/b"}


def test_an_answer_that_ends_with_its_connection_is_whole() -> None:
    def unsized(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nto the end")
        handler.close_connection = True

    with staged(unsized, primary=unsized) as stage:
        assert stage.user().ask("/x").body == b"to the end"
        stage.settled()
        assert len(stage.service.book) == 1
        assert stage.service.book.examples == {}


def test_large_answers_reach_users_and_are_not_repeated() -> None:
    def large(handler: Handler) -> None:
        body = b"x" * (3 << 20)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    with staged(shop, primary=large) as stage:
        assert len(stage.user().ask("/large").body) == 3 << 20
        assert stage.user().ask("/orders", "POST", b"y" * (2 << 20)).status == 200
        eventually(lambda: stage.mirror.counts.too_large == 2)
        assert stage.candidate.seen.requests == []


def test_another_protocol_is_passed_on_unread() -> None:
    def upgrading(handler: Handler) -> None:
        handler.wfile.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n"
        )
        handler.wfile.flush()
        handler.wfile.write(handler.rfile.readline().upper())
        handler.close_connection = True

    with staged(shop, primary=upgrading) as stage:
        with socket.create_connection(("127.0.0.1", stage.port), timeout=10) as connection:
            connection.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
            got = b""
            while b"\r\n\r\n" not in got:
                got += connection.recv(4096)
            connection.sendall(b"hello\n")
            while b"HELLO" not in got:
                got += connection.recv(4096)
        eventually(lambda: stage.mirror.counts.unreadable == 1)
        assert stage.candidate.seen.requests == []


def test_a_primary_that_is_gone_is_told_to_the_user_and_counted() -> None:
    with staged(shop) as stage:
        stage.primary.shutdown()
        stage.primary.server_close()
        assert stage.user().ask("/x").status == 502
        assert stage.service.counts().unreachable == 1


def test_a_users_next_write_waits_until_the_candidate_has_done_the_one_before() -> None:
    order: list[str] = []

    def late_writer(handler: Handler) -> None:
        if handler.command == "POST":
            time.sleep(0.15)
        order.append(handler.path)
        shop(handler)

    with staged(late_writer, timeout_s=5.0) as stage:
        user = stage.user()
        for method, path in (("POST", "/1"), ("GET", "/2"), ("GET", "/3"), ("POST", "/4")):
            user.ask(path, method, b"" if method == "POST" else None)
        stage.user().ask("/other")  # another's reads wait for nobody
        stage.settled()
    assert order[0] == "/other"
    assert [path for path in order[1:] if path in ("/1", "/4")] == ["/1", "/4"]
    assert order.index("/1") < min(order.index("/2"), order.index("/3"))
    assert order[-1] == "/4"

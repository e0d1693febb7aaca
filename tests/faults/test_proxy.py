"""The fault proxy: real faults on real sockets, as often as ordered, the same for the same seed."""

import socket
import threading
import time
import uuid
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import urllib3
from botocore.exceptions import ClientError

from tailguard.faults.proxy import Fault, FaultProxy
from tests.support.waiting import eventually


class Echo(BaseHTTPRequestHandler):
    """Answers with the request's body and remembers it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes: the second would wait 40 ms
    seen: list

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append(body)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def echo():
    handler = type("Handler", (Echo,), {"seen": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(echo):
    with FaultProxy("127.0.0.1", echo.server_port, seed=3) as made:
        yield made


@pytest.fixture
def http():
    with urllib3.PoolManager(retries=False, timeout=5.0) as pool:
        yield pool


def put(http, proxy, body=b"body"):
    answer = http.request("PUT", f"http://{proxy.address}/", body=body)
    return answer.status, answer.data


def seen(echo):
    return echo.RequestHandlerClass.seen


def test_without_a_fault_everything_passes_unchanged(proxy, http):
    for size in (0, 1, 70_000, 1 << 20):
        body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        assert put(http, proxy, body) == (200, body)
    assert (proxy.exchanges, proxy.injected) == (4, {})


def test_an_error_answers_503_and_the_server_sees_nothing(proxy, http, echo):
    proxy.set([Fault("error")])
    assert put(http, proxy, b"x" * 200_000)[0] == 503
    assert seen(echo) == []
    proxy.set([])
    assert put(http, proxy)[0] == 200


@pytest.mark.parametrize("share", [0.02, 0.1, 0.2])
def test_a_share_of_the_requests_fails(proxy, http, share):
    proxy.set([Fault("error", share)])
    failed = sum(put(http, proxy)[0] == 503 for _ in range(400))
    assert failed == proxy.injected["error"]
    # A share that is off by five standard deviations is not the one that was ordered.
    assert abs(failed - 400 * share) < 5 * (400 * share * (1 - share)) ** 0.5
    assert proxy.exchanges == 400


def test_the_same_seed_hits_the_same_requests(echo, http):
    def hits(seed):
        with FaultProxy("127.0.0.1", echo.server_port, seed) as proxy:
            proxy.set([Fault("error", 0.3)])
            return [put(http, proxy)[0] for _ in range(40)]

    assert hits(5) == hits(5) != hits(6)


def test_a_lost_answer_is_a_timeout_although_the_server_did_it(proxy, http, echo):
    proxy.set([Fault("lost")])
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        put(http, proxy)
    assert seen(echo) == [b"body"]


def test_a_slow_answer_comes_late_and_whole(proxy, http):
    proxy.set([Fault("slow", seconds=0.3)])
    began_s = time.monotonic()
    assert put(http, proxy, b"x" * 200_000) == (200, b"x" * 200_000)
    assert time.monotonic() - began_s >= 0.3


def test_a_reset_breaks_the_connection_before_or_after_the_server_did_it(proxy, http, echo):
    proxy.set([Fault("reset")])
    for _ in range(20):
        with pytest.raises(urllib3.exceptions.ProtocolError):
            put(http, proxy)
    assert 0 < len(seen(echo)) < 20


def test_down_refuses_new_connections_and_breaks_the_old_ones(proxy, http):
    with socket.create_connection(("127.0.0.1", proxy.port)) as connected:
        connected.sendall(b"P")
        proxy.set([Fault("down")])
        connected.settimeout(60)
        with pytest.raises(ConnectionResetError):
            connected.recv(1)
    with pytest.raises(urllib3.exceptions.HTTPError):
        put(http, proxy)
    proxy.set([])
    assert put(http, proxy)[0] == 200


def test_drop_breaks_what_is_connected_and_nothing_else(proxy, http):
    with socket.create_connection(("127.0.0.1", proxy.port)) as connected:
        connected.sendall(b"P")
        eventually(lambda: proxy.exchanges)
        assert proxy.drop() == 1
        connected.settimeout(60)
        with pytest.raises(ConnectionResetError):
            connected.recv(1)
    assert put(http, proxy)[0] == 200


def test_a_server_that_is_gone_is_a_broken_connection(http):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    broken = (
        urllib3.exceptions.ProtocolError,
        urllib3.exceptions.NewConnectionError,
    )  # in or before the exchange
    with FaultProxy("127.0.0.1", port) as proxy, pytest.raises(broken):
        put(http, proxy)


def test_a_real_s3_client_hears_the_503_also_where_it_asked_to_continue(s3_server):
    host, port = s3_server.address.split(":")
    with FaultProxy(host, int(port)) as proxy:
        client = replace(s3_server, endpoint=f"http://{proxy.address}").client(
            retries={"total_max_attempts": 1}
        )
        place = {"Bucket": s3_server.bucket, "Key": uuid.uuid4().hex}
        proxy.set([Fault("error")])
        with pytest.raises(ClientError) as refused:
            client.put_object(**place, Body=b"x" * 70_000)
        assert refused.value.response["Error"]["Code"] == "ServiceUnavailable"
        proxy.set([])
        client.put_object(**place, Body=b"x" * 70_000)
        assert client.get_object(**place)["Body"].read() == b"x" * 70_000
        client.close()

"""The port over HTTP: what each method gives and raises, and that connections and tokens are kept."""

import hashlib
import http.server
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from perf.http import HttpPlatform, Tokens
from perf.platform import Platform
from perf.served import ServedPlatform
from reference.database import create_tables
from reference.errors import (
    Conflict,
    Forbidden,
    InsufficientFunds,
    NotFound,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from reference.platform import DeltaCrown
from reference.seed import Seeded, seed_platform
from reference.web.app import create_app
from reference.web.server import WebServer, bind
from reference.web.throttle import Rate, Throttle
from tailguard.http import connections as _wire
from tailguard.websocket.subscribers import Subscribers
from tests.support.web_served import SECRET, SIZE, s3_storage

SEEDED = Seeded.of(SIZE)


@pytest.fixture(scope="module")
def platform(module_database, s3_server):
    create_tables(module_database.conninfo)
    seed_platform(module_database.conninfo, size=SIZE)
    reference = DeltaCrown(module_database.conninfo, storage=s3_storage(s3_server, "adapter/"), secret=SECRET)
    served = ServedPlatform(reference, users=SEEDED.users, staff=1, spectator=SEEDED.users[-1])
    yield served
    served.close()


def test_it_is_a_platform_like_any_other(platform):
    assert isinstance(platform, Platform)


def test_a_registration_and_its_refusals(platform):
    assert platform.register(1, 10)["user"] == 10
    with pytest.raises(Conflict, match="already registered"):
        platform.register(1, 10)
    small = SEEDED.small_tournaments[0]
    platform.register(small, 10)
    platform.register(small, 11)
    with pytest.raises(Conflict, match="full") as caught:
        platform.register(small, 12)
    assert "correlation id" in str(caught.value)


def test_a_result_tells_its_new_version_and_reads_back(platform):
    match_id = SEEDED.matches[0]
    player, _ = SEEDED.participants(match_id)
    assert platform.submit_result(match_id, player, 3, 1, 1).version == 2
    scores = platform.match_scores(match_id)
    assert (scores.participant1_score, scores.participant2_score) == (3, 1)
    assert scores.updated_at is not None
    with pytest.raises(Conflict):
        platform.submit_result(match_id, player, 3, 1, 1)
    with pytest.raises(Forbidden):
        platform.submit_result(match_id, 150, 3, 1)
    with pytest.raises(NotFound):
        platform.submit_result(10**9, player, 3, 1)


def test_a_transfer_and_its_refusals(platform):
    first = platform.transfer(5, 6, 10, "adapter-1")
    assert platform.transfer(5, 6, 10, "adapter-1")["debit_id"] == first["debit_id"]
    with pytest.raises(Conflict):
        platform.transfer(5, 6, 11, "adapter-1")
    with pytest.raises(InsufficientFunds):
        platform.transfer(5, 6, 2_000_000_000, "adapter-2")


def test_a_certificate_reads_back_through_its_presigned_link(platform):
    body = "<svg>Curaçao 東京 Δ 🏆</svg>".encode()
    stored = platform.upload_certificate(1, body)
    assert (stored.sha256, stored.retries) == (hashlib.sha256(body).hexdigest(), 0)
    assert platform.read_presigned(stored.id) == body


def test_the_histories(platform):
    assert len(platform.wallet_history(42)) == 50
    assert len(platform.moderation_history("TRN-2025-001")) == 100
    assert platform.moderation_history("no such ref? 東") == []


def test_the_feed_leads_into_the_room(platform):
    match_id = SEEDED.matches[2]
    player, _ = SEEDED.participants(match_id)
    with Subscribers(platform.feed(SEEDED.live_tournaments[0]), 3) as subscribers:
        ticket = subscribers.expect(match_id)
        platform.submit_result(match_id, player, 2, 0)
        assert ticket.wait(5).count == 3


def test_threads_keep_their_connections(platform):
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: platform.wallet_history(42), range(100)))
    before = len(platform._connections._all)
    with ThreadPoolExecutor(1) as threads:
        ports = list(threads.map(lambda _: local_port(platform), range(20)))
    assert len(set(ports)) == 1
    assert len(platform._connections._all) == before + 1


def local_port(platform):
    platform.wallet_history(42)
    [(connection, _)] = platform._connections._of_thread.__dict__.values()
    return connection.sock.getsockname()[1]


def test_a_connection_that_was_idle_too_long_is_opened_anew(platform, monkeypatch):
    monkeypatch.setattr(_wire, "IDLE_S", 0.0)
    with ThreadPoolExecutor(1) as threads:
        ports = list(threads.map(lambda _: local_port(platform), range(3)))
    assert len(set(ports)) == 3


def test_a_throttled_target_is_named_with_the_rate_to_lift(database):
    create_tables(database.conninfo)
    seed_platform(database.conninfo, size=SIZE)
    reference = DeltaCrown(database.conninfo, secret=SECRET)
    throttle = Throttle({"registration_write": Rate(1, 60)})
    with WebServer(create_app(reference, throttle=throttle), bind("127.0.0.1", 0)) as server:
        platform = HttpPlatform(server.url, Tokens(reference.tokens.mint), staff=1, spectator=2)
        platform.register(1, 10)
        with pytest.raises(Throttled, match="THROTTLE_REGISTRATION_WRITE_RATE") as caught:
            platform.register(2, 10)
        assert "Retry-After 6" in str(caught.value)
        stranger = HttpPlatform(server.url, Tokens(lambda _: "rubbish"), staff=1, spectator=2)
        with pytest.raises(Unauthenticated):
            stranger.register(1, 11)
        with pytest.raises(Unavailable):  # no storage was given
            platform.upload_certificate(1, b"<svg/>")
        platform.close()
        stranger.close()
    reference.close()


class FakeTime:
    now_s = 0.0

    def __call__(self):
        return self.now_s


def test_tokens_are_obtained_once_and_renewed_before_they_expire():
    asked, time = [], FakeTime()
    tokens = Tokens(lambda user: asked.append(user) or f"token-{user}-{len(asked)}", now_s=time)
    tokens.prepare([1, 2])
    assert asked == [1, 2]
    assert tokens.of(1) == "token-1-1"
    time.now_s = 49 * 60
    assert tokens.of(1) == "token-1-1"
    time.now_s = 50 * 60
    assert tokens.of(1) == "token-1-3"


@contextmanager
def answering(status, body):
    """A server that is not ours and gives one answer to everything."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))  # how often it looks for its end
        thread.start()
        platform = HttpPlatform(
            f"http://127.0.0.1:{server.server_port}", Tokens(lambda _: "x"), staff=1, spectator=1
        )
        try:
            yield platform
        finally:
            platform.close()
            server.shutdown()
            thread.join()


def test_a_duplicate_on_the_real_platform_which_has_no_code_is_a_conflict_too():
    body = b'{"error": "You are already registered for this tournament", "code": "VALIDATION_ERROR"}'
    with answering(400, body) as platform, pytest.raises(Conflict):
        platform.register(1, 1)


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"[1]"])
def test_an_answer_in_another_shape_is_judged_by_its_status(body):
    with answering(404, body) as platform, pytest.raises(NotFound, match="HTTP 404"):
        platform.register(1, 1)


def test_a_target_that_does_not_answer_is_an_os_error():
    platform = HttpPlatform("http://127.0.0.1:1", Tokens(lambda _: "x"), staff=1, spectator=1)
    with pytest.raises(OSError, match="refused"):
        platform.register(1, 1)
    platform.close()

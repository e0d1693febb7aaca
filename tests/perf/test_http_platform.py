"""The platform over HTTP: what each method gives and raises, and that connections and tokens are kept."""

import hashlib
import http.server
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest

from perf.adapters.http import HttpPlatform, Tokens
from perf.platform import STEPS, FallsBack
from reference.certificates import Metrics
from reference.errors import (
    Conflict,
    Forbidden,
    InsufficientFunds,
    NotFound,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from reference.seed import Seeded
from reference.web.throttle import Rate, Throttle
from tailguard.http import HttpConnections
from tailguard.http import connections as _wire
from tailguard.websocket import Subscribers
from tests.support.web_served import SIZE, s3_storage, serving

SEEDED = Seeded.of(SIZE)


def nothing(*_):
    pass


@contextmanager
def speaking(url, mint, note=nothing, **options):
    """A platform over HTTP, hung up at the end."""
    with closing(HttpConnections()) as connections:
        yield HttpPlatform(url, Tokens(mint), connections, note, spectator=SEEDED.users[-1], **options)


@pytest.fixture(scope="module")
def served(module_database, s3_server):
    storage = s3_storage(s3_server, "adapter/")
    with serving(module_database, storage=storage, metrics=Metrics()) as served:
        yield served


@pytest.fixture(scope="module")
def platform(served):
    with speaking(served.url, served.platform.tokens.mint) as platform:
        yield platform


@pytest.mark.parametrize("protocol", [*(protocol for _, protocol in STEPS.values()), FallsBack])
def test_it_has_every_step(platform, protocol):
    assert isinstance(platform, protocol)


def test_a_registration_and_its_refusals(platform):
    assert platform.register(1, 10).user_id == 10
    with pytest.raises(Conflict, match="already registered"):
        platform.register(1, 10)
    small = SEEDED.small_tournaments[0]
    platform.register(small, 10)
    platform.register(small, 11)
    with pytest.raises(Conflict, match="full") as caught:
        platform.register(small, 12)
    assert "answered 409 (X-Correlation-Id " in str(caught.value)


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
        platform.submit_result(match_id, 150, 3, 1, None)
    with pytest.raises(NotFound):
        platform.submit_result(10**9, player, 3, 1, None)


def test_a_transfer_and_its_refusals(platform):
    first = platform.transfer(5, 6, 10, "adapter-1")
    assert platform.transfer(5, 6, 10, "adapter-1").debit_id == first.debit_id
    with pytest.raises(Conflict):
        platform.transfer(5, 6, 11, "adapter-1")
    with pytest.raises(InsufficientFunds):
        platform.transfer(5, 6, 2_000_000_000, "adapter-2")


def test_a_certificate_reads_back_through_its_presigned_link(platform):
    body = "<svg>Curaçao 東京 Δ 🏆</svg>".encode()
    stored = platform.upload_certificate(1, body, "participant")
    assert (stored.sha256, stored.retries) == (hashlib.sha256(body).hexdigest(), 0)
    assert platform.read_presigned(stored.id) == platform.download_certificate(stored.id) == body
    assert platform.fallback_reads() == 0


def test_a_server_that_others_have_used_is_told_no_version_and_tells_none(served):
    match_id = SEEDED.matches[4]
    player, _ = SEEDED.participants(match_id)
    with speaking(served.url, served.platform.tokens.mint, states_versions=False) as used:
        assert used.submit_result(match_id, player, 3, 1, 17).version is None


@pytest.mark.system
def test_the_feed_leads_into_the_room(platform):
    match_id = SEEDED.matches[2]
    player, _ = SEEDED.participants(match_id)
    with Subscribers(platform.feed(SEEDED.live_tournaments[0]), 3) as subscribers:
        ticket = subscribers.expect(match_id)
        platform.submit_result(match_id, player, 2, 0, None)
        assert ticket.wait(60).count == 3


def test_threads_keep_their_connections(platform):
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: platform.match_scores(SEEDED.matches[0]), range(100)))
    before = len(platform._connections._all)
    with ThreadPoolExecutor(1) as threads:
        ports = list(threads.map(lambda _: local_port(platform), range(20)))
    assert len(set(ports)) == 1
    assert len(platform._connections._all) == before + 1


def local_port(platform):
    platform.match_scores(SEEDED.matches[0])
    [(connection, _)] = platform._connections._of_thread.__dict__.values()
    return connection.sock.getsockname()[1]


def test_a_connection_that_was_idle_too_long_is_opened_anew(platform, monkeypatch):
    monkeypatch.setattr(_wire, "IDLE_S", 0.0)
    with ThreadPoolExecutor(1) as threads:
        ports = list(threads.map(lambda _: local_port(platform), range(3)))
    assert len(set(ports)) == 3


def test_a_throttled_target_is_named_with_the_rate_to_lift(database):
    throttle, told = Throttle({"registration_write": Rate(1, 60)}), {}
    with serving(database, throttle=throttle) as served:
        with speaking(served.url, served.platform.tokens.mint, told.__setitem__) as platform:
            platform.register(1, 10)
            with pytest.raises(Throttled, match="THROTTLE_REGISTRATION_WRITE_RATE") as caught:
                platform.register(2, 10)
            with pytest.raises(Unavailable):  # no storage was given
                platform.upload_certificate(1, b"<svg/>", "participant")
        assert "Retry-After 6" in str(caught.value)
        assert told == {"throttled": str(caught.value)}
        with speaking(served.url, lambda _: "rubbish") as stranger, pytest.raises(Unauthenticated):
            stranger.register(1, 11)


class FakeTime:
    now_s = 0.0

    def __call__(self):
        return self.now_s


def test_tokens_are_obtained_once_and_renewed_before_they_expire():
    asked, time = [], FakeTime()
    tokens = Tokens(lambda user: asked.append(user) or f"token-{user}-{len(asked)}", now_s=time)
    assert [tokens.of(user) for user in (1, 2)] == ["token-1-1", "token-2-2"]
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
        try:
            with speaking(f"http://127.0.0.1:{server.server_port}", lambda _: "x") as platform:
                yield platform
        finally:
            server.shutdown()
            thread.join()


def test_a_duplicate_on_the_real_platform_which_has_no_code_is_a_conflict_too():
    body = b'{"error": "You are already registered for this tournament", "code": "VALIDATION_ERROR"}'
    with answering(400, body) as platform, pytest.raises(Conflict):
        platform.register(1, 1)


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"[1]"])
def test_an_answer_in_another_shape_is_judged_by_its_status(body):
    with answering(404, body) as platform, pytest.raises(NotFound, match="answered 404"):
        platform.register(1, 1)


def test_a_target_that_does_not_answer_is_an_os_error():
    with speaking("http://127.0.0.1:1", lambda _: "x") as platform, pytest.raises(OSError, match="refused"):
        platform.register(1, 1)

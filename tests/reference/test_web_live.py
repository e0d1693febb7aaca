"""WebSocket beside HTTP: the contract's frames and close codes, and that nothing leaks under concurrency."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from reference.conversation import Heartbeat
from reference.faults import Faults
from reference.hub import Hub
from reference.rooms import Rooms
from reference.web.throttle import Throttle
from tests.support.web_served import serving

ORIGIN = "http://localhost"
PATIENCE_S = 5


@pytest.fixture(scope="module")
def served(module_database):
    with serving(module_database) as served:
        yield served


def room(served, tournament_id, token=None, user=2, origin=ORIGIN):
    token = served.token(user) if token is None else token
    return connect(f"ws://{served.address}/ws/tournament/{tournament_id}/?token={token}", origin=origin)


def frame(client):
    return json.loads(client.recv(timeout=PATIENCE_S))


def until_closed(client):
    """All frames until the server closes the connection."""
    frames = []
    with suppress(ConnectionClosed):
        while True:
            frames.append(frame(client))
    return frames


def submit(served, match_id, one=3, two=1):
    player, _ = served.seeded.participants(match_id)
    body = {"participant1_score": one, "participant2_score": two}
    return served.post(f"/api/tournaments/results/{match_id}/submit-result/", body, user=player)


@pytest.mark.parametrize("origin", [None, "http://evil.example", "null"])
def test_a_handshake_without_an_allowed_origin_is_a_403(served, origin):
    with pytest.raises(InvalidStatus) as caught, room(served, 1, origin=origin):
        pass
    assert caught.value.response.status_code == 403


def test_the_welcome_frame_says_who_and_where(served):
    with room(served, 7, user=2) as client:
        welcome = frame(client)
    assert welcome["type"] == "connection_established"
    data = welcome["data"]
    assert (data["tournament_id"], data["user_id"], data["role"], data["heartbeat_interval"]) == (
        7,
        2,
        "spectator",
        25,
    )
    assert data["username"].startswith("player-2 ")


def test_without_a_good_token_the_socket_is_closed_with_the_code_that_says_why(served):
    for token, code in (("", 4001), ("rubbish", 4003), (served.token(2, lasts_s=-61), 4002)):
        with room(served, 1, token=token) as client:
            kinds = [heard["type"] for heard in until_closed(client)]
        assert client.close_code == code
        assert kinds == ([] if code == 4001 else ["error"])


def test_subscribers_of_the_tournament_and_no_others_get_the_score_once_it_can_be_read(served):
    tournament = served.seeded.live_tournaments.start
    match_id = served.seeded.matches_of(tournament)[0]
    with ExitStack() as stack:
        inside = [stack.enter_context(room(served, tournament)) for _ in range(3)]
        outside = stack.enter_context(room(served, tournament + 1))
        for client in (*inside, outside):
            assert frame(client)["type"] == "connection_established"
        status, answer, _ = submit(served, match_id)
        assert status == 200
        for client in inside:
            event = frame(client)
            assert event["type"] == "score_updated"
            assert (event["data"]["match_id"], event["data"]["version"]) == (match_id, answer["version"])
            assert (event["data"]["participant1_score"], event["data"]["participant2_score"]) == (3, 1)
        with pytest.raises(TimeoutError):
            outside.recv(timeout=0.1)


def test_a_confirmed_result_is_announced_too(served):
    tournament = served.seeded.live_tournaments.start
    match_id = served.seeded.matches_of(tournament)[1]
    _, opponent = served.seeded.participants(match_id)
    submit(served, match_id)
    with room(served, tournament) as client:
        frame(client)
        path = f"/api/tournaments/results/{match_id}/confirm-result/"
        assert served.post(path, user=opponent)[0] == 200
        event = frame(client)
    assert (event["type"], event["data"]["match_id"]) == ("match_completed", match_id)


@pytest.mark.system
def test_with_the_fault_an_event_overtakes_its_commit(database, monkeypatch):
    """The subscriber reads the row the moment it hears of it, and sees the old one."""
    monkeypatch.setattr(
        "reference.results.EARLY_EVENT_GAP_S", 1.0
    )  # a busy machine may take longer than 5 ms to read
    with serving(database, faults=Faults.parse("event_before_commit")) as served:
        assert not heard_after_commit(served)


def test_a_row_that_is_announced_can_be_read(served):
    assert heard_after_commit(served)


def heard_after_commit(served):
    tournament = served.seeded.live_tournaments[1]
    match_id = served.seeded.matches_of(tournament)[2]
    with room(served, tournament) as client, ThreadPoolExecutor(1) as thread:
        frame(client)
        answer = thread.submit(submit, served, match_id)
        version = frame(client)["data"]["version"]
        [(seen,)] = served.query("SELECT version FROM tournament_engine_match_match WHERE id = %s", match_id)
        assert answer.result()[0] == 200
    return seen == version


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        ({"type": "ping", "timestamp": 7}, "pong"),
        ({"type": "subscribe"}, "subscribed"),
        ({"type": "dance"}, "error"),
        ({"no": "type"}, "error"),
    ],
)
def test_a_client_frame_is_answered(served, sent, kind):
    with room(served, 1) as client:
        frame(client)
        client.send(json.dumps(sent))
        answer = frame(client)
    assert answer["type"] == kind
    assert answer.get("timestamp") == sent.get("timestamp")


def test_a_frame_that_is_not_json_closes_with_1011(served):
    with room(served, 1) as client:
        frame(client)
        client.send("{")
        with pytest.raises(ConnectionClosed) as caught:
            client.recv(timeout=PATIENCE_S)
    assert caught.value.rcvd.code == 1011


@pytest.mark.system
def test_who_never_answers_a_ping_is_dropped_and_who_does_stays(database):
    quick = Heartbeat(interval_s=0.05, timeout_s=0.2)
    with serving(database, before=lambda platform: hub_with(platform, quick)) as served:
        with room(served, 1) as silent:
            frame(silent)
            assert {heard["type"] for heard in until_closed(silent)} == {"ping"}
            assert silent.close_code == 4004
        with room(served, 1) as polite:
            frame(polite)
            ends = time.monotonic() + 3 * quick.timeout_s
            while time.monotonic() < ends:
                assert frame(polite)["type"] == "ping"
                polite.send('{"type":"pong"}')


def hub_with(platform, heartbeat):
    platform.hub = Hub(platform.tokens, Rooms(platform.database).member, heartbeat=heartbeat)


@pytest.mark.system
def test_sixteen_clients_hold_no_more_connections_than_the_pool_and_leave_none_behind(database):
    count = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    with database.connect() as outside:

        def connections():
            return outside.execute(count).fetchone()[0]

        before, most = connections(), 0
        with serving(database, pool_size=8) as served, ThreadPoolExecutor(16) as threads:
            entry = {"tournament_id": served.seeded.open_tournaments[0]}
            path = "/api/tournaments/registrations/solo/"
            answers = [threads.submit(served.post, path, entry, user=user) for user in served.seeded.users]
            while not all(answer.done() for answer in answers):
                most = max(most, connections() - before - 1)  # one is the test's own observer
            statuses = [answer.result()[0] for answer in answers]
        after = settled(connections, before)
    assert statuses == [201] * len(served.seeded.users)
    assert 0 < most <= 8
    assert after <= before


def settled(measure, wanted):
    """The measure, once it is what is wanted or after a while: a closed connection's server process ends by itself."""
    ends = time.monotonic() + PATIENCE_S
    while (value := measure()) > wanted and time.monotonic() < ends:
        time.sleep(0.05)
    return value


@pytest.mark.system
def test_a_rate_in_the_environment_answers_429_with_retry_after(database):
    throttle = Throttle.from_environment(
        {
            "THROTTLE_REGISTRATION_WRITE_RATE": "2/min",
            "THROTTLE_ANON_RATE": "1/hour",
            "THROTTLE_USER_RATE": "1/min",
        }
    )
    with serving(database, throttle=throttle) as served:
        path = "/api/tournaments/registrations/solo/"
        # A refused registration counts like any other.
        assert [served.post(path, {"tournament_id": t}, user=5)[0] for t in (1, 1, 1)] == [201, 400, 429]
        assert served.post(path, {"tournament_id": 1}, user=6)[0] == 201, "each user has a rate of their own"
        status, body, headers = served.post(path, {"tournament_id": 1}, user=5)
        assert (status, body["code"]) == (429, "RATE_LIMITED")
        assert 0 < int(headers["Retry-After"]) <= 60
        assert served.post("/api/token/verify/", {"token": "x"})[0] == 401
        assert served.post("/api/token/verify/", {"token": "x"})[0] == 429
        assert submit(served, 2)[0] == 200
        assert submit(served, 2)[0] == 429
        assert [served.get("/healthz/")[0] for _ in range(5)] == [200] * 5

"""Each route and each refusal of the contract, over real HTTP against a real PostgreSQL and S3."""

import hashlib
import re
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import urllib3

from reference.web.passwords import hash_password
from tests.support.certificate_rows import revoke
from tests.support.web_served import s3_storage, serving

SOLO = "/api/tournaments/registrations/solo/"
CERTIFICATE = "<svg xmlns='http://www.w3.org/2000/svg'><text>Curaçao 東京 Δ 🏆</text></svg>".encode()


@pytest.fixture(scope="module")
def served(module_database, s3_server):
    with serving(module_database, storage=s3_storage(s3_server)) as served:
        yield served


@pytest.fixture
def newcomer(served):
    """A user that no other test has registered anywhere."""
    name = f"newcomer-{uuid.uuid4().hex[:12]}"
    [(user_id,)] = served.query("INSERT INTO accounts_user (username) VALUES (%s) RETURNING id", name)
    return user_id


@pytest.fixture
def match(served):
    """(match id, first player, second player) of a match in state live that no other test uses."""
    tournament = served.seeded.live_tournaments.start
    one, two = served.seeded.users[1:3]  # not the first: that is staff
    [(match_id,)] = served.query(
        "INSERT INTO tournament_engine_match_match "
        "(tournament_id, round_number, match_number, participant1_id, participant2_id, state) "
        "VALUES (%s, 9, 9, %s, %s, 'live') RETURNING id",
        tournament,
        one,
        two,
    )
    return match_id, one, two


def results_path(match_id, action="submit-result"):
    return f"/api/tournaments/results/{match_id}/{action}/"


def scores(one, two, **more):
    return {"participant1_score": one, "participant2_score": two, **more}


def is_refusal(body, code):
    return body["code"] == code and isinstance(body["error"], str) and body["error"]


# Health, correlation, errors of HTTP itself


def test_health_needs_no_token(served):
    assert served.get("/healthz/")[:2] == (200, {"status": "ok"})


def test_every_answer_carries_a_correlation_id(served):
    for path in ("/healthz/", "/nowhere/", "/api/economy/wallets/1/transactions/"):
        assert re.fullmatch(r"[0-9a-f]{32}", served.get(path)[2]["X-Correlation-Id"])


def test_a_callers_own_correlation_id_is_kept_unless_it_is_unsafe(served):
    assert (
        served.get("/healthz/", headers={"X-Correlation-Id": "run-7.3"})[2]["X-Correlation-Id"] == "run-7.3"
    )
    assert served.get("/healthz/", headers={"X-Correlation-Id": "a b;c"})[2]["X-Correlation-Id"] != "a b;c"


def test_unknown_paths_and_methods_are_refused_in_the_contracts_shape(served):
    status, body, _ = served.get("/nowhere/")
    assert status == 404
    assert is_refusal(body, "ERROR_404")
    status, body, headers = served.get(SOLO)
    assert (status, headers["Allow"]) == (405, "POST")
    assert is_refusal(body, "ERROR_405")


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff\xfe", b'{"tournament_id": NaN}', b"[" * 100_000, b'{"tournament_id": 1e999}']
)
def test_a_body_that_is_not_json_is_a_400(served, raw):
    status, body, _ = served.post(SOLO, user=1, raw=raw, headers={"Content-Type": "application/json"})
    assert status == 400
    assert is_refusal(body, "VALIDATION_ERROR")


def test_a_body_of_another_type_is_a_415(served):
    status, body, _ = served.post(SOLO, user=1, raw=b"a=1", headers={"Content-Type": "text/plain"})
    assert status == 415
    assert "application/json" in body["error"]


def test_a_body_that_is_far_too_large_is_a_413(served):
    status, body, _ = served.post(
        SOLO, user=1, raw=b" " * (8 * 2**20 + 1), headers={"Content-Type": "application/json"}
    )
    assert status == 413
    assert is_refusal(body, "ERROR_413")


def test_an_unforeseen_error_is_a_plain_500_with_its_correlation_id(served, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("postgresql://user:secret@host")

    monkeypatch.setattr(served.platform, "_register", fail)
    status, body, headers = served.post(SOLO, {"tournament_id": 1}, user=1)
    assert status == 500
    assert is_refusal(body, "INTERNAL_ERROR")
    assert headers["X-Correlation-Id"] in body["error"]
    assert "secret" not in str(body)
    assert headers["X-Correlation-Id"] in caplog.text


# Tokens


@pytest.fixture(scope="module")
def account(served):
    """(user name, e-mail, password) of an account that can log in."""
    hashed = hash_password("päss wörd 東京", iterations=1000)
    name, email = "Zoë of Curaçao", "zoe@example.org"
    served.query(
        "INSERT INTO accounts_user (username, email, password) VALUES (%s, %s, %s) RETURNING id",
        name,
        email,
        hashed,
    )
    return name, email, "päss wörd 東京"


def test_a_token_is_obtained_by_user_name_or_email_and_works(served, account):
    name, email, password = account
    for login in (name, email):
        status, pair, _ = served.post("/api/token/", {"username": login, "password": password})
        assert status == 200
        assert set(pair) == {"access", "refresh"}
        assert served.post("/api/token/verify/", {"token": pair["access"]})[:2] == (200, {})
        assert served.get("/api/economy/wallets/1/transactions/", token=pair["access"])[0] == 403


@pytest.mark.system
@pytest.mark.parametrize(
    "login",
    [("Zoë of Curaçao", "wrong"), ("nobody", "x"), ("player-2@example.org", "x"), ("' OR 1=1 --", "x")],
)
def test_wrong_credentials_are_refused_without_saying_which_part_is_wrong(served, account, login):
    status, body, _ = served.post("/api/token/", {"username": login[0], "password": login[1]})
    assert status == 401
    assert body == {"error": "no active account found with the given credentials", "code": "UNAUTHENTICATED"}


def test_a_closed_account_cannot_log_in_nor_use_the_token_it_has(served, newcomer):
    hashed = hash_password("password", iterations=1000)
    [(name,)] = served.query(
        "UPDATE accounts_user SET password = %s, is_active = false WHERE id = %s RETURNING username",
        hashed,
        newcomer,
    )
    assert served.post("/api/token/", {"username": name, "password": "password"})[0] == 401
    assert served.post(SOLO, {"tournament_id": 1}, user=newcomer)[0] == 401


def test_a_refresh_token_gives_a_new_pair_and_nothing_else_does(served):
    refresh = served.token(5, "refresh")
    status, pair, _ = served.post("/api/token/refresh/", {"refresh": refresh})
    assert status == 200
    assert served.platform.tokens.user_id(pair["access"]) == 5
    assert served.platform.tokens.user_id(pair["refresh"], "refresh") == 5
    assert served.post("/api/token/refresh/", {"refresh": served.token(5)})[0] == 401


@pytest.mark.parametrize("token", ["", "rubbish", "a.b.c"])
def test_a_token_that_does_not_hold_is_a_401(served, token):
    assert served.post("/api/token/verify/", {"token": token})[0] == 401
    status, body, headers = served.post(SOLO, {"tournament_id": 1}, token=token)
    assert status == 401
    assert is_refusal(body, "UNAUTHENTICATED")
    assert headers["WWW-Authenticate"] == "Bearer"


def test_an_expired_token_and_a_refresh_token_do_not_open_a_route(served):
    status, body, _ = served.post(SOLO, {"tournament_id": 1}, token=served.token(1, lasts_s=-1))
    assert (status, body["code"]) == (401, "TOKEN_EXPIRED")
    assert served.post(SOLO, {"tournament_id": 1}, token=served.token(1, "refresh"))[0] == 401


def test_no_token_at_all_is_a_401_before_the_body_is_looked_at(served):
    status, body, _ = served.post(SOLO, {"nonsense": True})
    assert status == 401
    assert is_refusal(body, "UNAUTHENTICATED")


# Registration


def test_a_registration_answers_with_the_contracts_fields_and_its_payment(served, newcomer):
    payment = {
        "method": "bkash",
        "transaction_id": "TX-東京",
        "amount_bdt": 250,
        "payer_account_number": "017",
    }
    status, body, _ = served.post(SOLO, {"tournament_id": 1, "payment": payment}, user=newcomer)
    assert status == 201
    assert {name: body[name] for name in ("tournament", "user", "team_id", "status")} == {
        "tournament": 1,
        "user": newcomer,
        "team_id": None,
        "status": "pending",
    }
    paid = body["payment_verification"]
    assert {name: paid[name] for name in payment} == payment
    [row] = served.query(
        "SELECT r.user_id, p.method, p.transaction_id, p.amount_bdt FROM tournaments_registration r "
        "JOIN tournaments_paymentverification p ON p.registration_id = r.id WHERE r.id = %s AND p.id = %s",
        body["id"],
        paid["id"],
    )
    assert row == (newcomer, "bkash", "TX-東京", 250)


def test_a_second_registration_is_a_400_with_a_clear_code(served, newcomer):
    assert served.post(SOLO, {"tournament_id": 1}, user=newcomer)[0] == 201
    status, body, _ = served.post(SOLO, {"tournament_id": 1}, user=newcomer)
    assert status == 400
    assert is_refusal(body, "ALREADY_REGISTERED")


def test_of_many_simultaneous_registrations_of_one_user_one_succeeds(served, newcomer):
    with ThreadPoolExecutor(8) as threads:
        statuses = list(
            threads.map(lambda _: served.post(SOLO, {"tournament_id": 1}, user=newcomer)[0], range(8))
        )
    assert statuses.count(201) == 1
    assert set(statuses) <= {201, 400, 409}
    assert served.query(
        "SELECT count(*) FROM tournaments_registration WHERE tournament_id = 1 AND user_id = %s", newcomer
    ) == [(1,)]


def test_a_full_tournament_is_a_409(served):
    small = served.seeded.small_tournaments[0]
    statuses = [served.post(SOLO, {"tournament_id": small}, user=user)[:2] for user in (50, 51, 52)]
    assert [status for status, _ in statuses] == [201, 201, 409]
    assert is_refusal(statuses[2][1], "TOURNAMENT_FULL")


def test_an_unknown_or_closed_tournament_is_a_400(served):
    assert served.post(SOLO, {"tournament_id": 10**9}, user=1)[0] == 400
    status, body, _ = served.post(SOLO, {"tournament_id": served.seeded.completed_tournament}, user=1)
    assert (status, body["code"]) == (400, "NOT_OPEN")


def paid_with(payment):
    return {"tournament_id": 1, "payment": payment}


@pytest.mark.parametrize(
    ("body", "member"),
    [
        ({}, "tournament_id"),
        ({"tournament_id": "1"}, "tournament_id"),
        ({"tournament_id": True}, "tournament_id"),
        ({"tournament_id": 1.5}, "tournament_id"),
        ({"tournament_id": 0}, "tournament_id"),
        ({"tournament_id": 2**63}, "tournament_id"),
        ([], "body"),
        (paid_with({}), "method"),
        (paid_with({"method": "x" * 17, "transaction_id": "1", "amount_bdt": 1}), "payment.method"),
        (paid_with({"method": "a\0b", "transaction_id": "1", "amount_bdt": 1}), "payment.method"),
        (paid_with({"method": "a", "transaction_id": "1", "amount_bdt": 0}), "payment.amount_bdt"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_a_400_that_names_it(served, body, member):
    status, answer, _ = served.post(SOLO, body, user=1)
    assert status == 400
    assert is_refusal(answer, "VALIDATION_ERROR")
    assert member in answer["details"]


def test_text_that_utf8_cannot_carry_is_a_400(served):
    payment = (
        b'{"tournament_id": 1, "payment": {"method": "\\ud800", "transaction_id": "1", "amount_bdt": 1}}'
    )
    status, _, _ = served.post(SOLO, user=1, raw=payment, headers={"Content-Type": "application/json"})
    assert status == 400


# Results


def test_a_result_is_submitted_and_confirmed_by_the_opponent(served, match):
    match_id, one, two = match
    status, body, _ = served.post(results_path(match_id), scores(2, 1), user=one)
    assert status == 200
    assert body["message"]
    assert {
        name: body[name] for name in ("id", "state", "winner_id", "loser_id", "submitted_by", "version")
    } == {
        "id": match_id,
        "state": "pending_result",
        "winner_id": one,
        "loser_id": two,
        "submitted_by": one,
        "version": 2,
    }
    assert served.post(results_path(match_id, "confirm-result"), user=one)[0] == 403
    status, body, _ = served.post(results_path(match_id, "confirm-result"), user=two)
    assert (status, body["state"], body["version"]) == (200, "completed", 3)
    status, body, _ = served.post(results_path(match_id), scores(2, 1), user=one)
    assert (status, body["code"]) == (400, "WRONG_STATE")


def test_a_result_on_a_stale_version_is_a_409_that_names_the_current_one(served, match):
    match_id, one, _ = match
    assert served.post(results_path(match_id), scores(2, 1, version=1), user=one)[0] == 200
    status, body, _ = served.post(results_path(match_id), scores(3, 1, version=1), user=one)
    assert (status, body["code"], body["details"]["version"]) == (409, "STALE_VERSION", 2)


@pytest.mark.parametrize(
    "body",
    [scores(1, 1), scores(-1, 2), scores("2", 1), {"participant1_score": 2}, scores(2, 1, notes="x" * 1001),
     scores(2, 1, evidence_url="x" * 501), scores(2, 0, game_scores=[scores(1, 0), scores(0, 1)]), scores(2**31, 1)],
)  # fmt: skip
def test_a_tie_or_a_wrong_field_of_a_result_is_a_400(served, match, body):
    match_id, one, _ = match
    status, answer, _ = served.post(results_path(match_id), body, user=one)
    assert status == 400
    assert is_refusal(answer, "VALIDATION_ERROR")


def test_maps_that_add_up_to_the_score_are_taken(served, match):
    match_id, one, _ = match
    maps = [scores(13, 5), scores(7, 13), scores(13, 11)]
    assert served.post(results_path(match_id), scores(2, 1, game_scores=maps), user=one)[0] == 200


def test_only_participants_submit_and_only_on_matches_that_exist(served, match):
    match_id, _, _ = match
    assert served.post(results_path(match_id), scores(2, 1), user=150)[0] == 403
    assert served.post(results_path(match_id, "confirm-result"), user=150)[0] == 403
    assert served.post(results_path(10**9), scores(2, 1), user=1)[0] == 404
    assert served.post(results_path("abc"), scores(2, 1), user=1)[0] == 404


def test_a_match_without_a_result_has_nothing_to_confirm(served, match):
    match_id, _, two = match
    status, body, _ = served.post(results_path(match_id, "confirm-result"), user=two)
    assert (status, body["code"]) == (400, "WRONG_STATE")


# The older result endpoint


def older_path(match_id):
    return f"/api/tournaments/matches/{match_id}/submit-result/"


def test_the_older_endpoint_takes_the_score_from_the_callers_side(served, match):
    match_id, one, two = match
    status, body, _ = served.post(older_path(match_id), {"score": 3, "opponent_score": 1}, user=two)
    assert status == 200
    assert body["sides"]["A"] == {"id": one, "name": "", "score": 1}
    assert body["sides"]["B"] == {"id": two, "name": "", "score": 3}
    assert (body["state"], body["winner_id"]) == ("pending_result", two)
    assert body["meta"] == {"idempotent_replay": False}


def test_a_repeated_key_is_answered_again_and_writes_nothing(served, match):
    match_id, one, _ = match
    key = {"Idempotency-Key": "7f3-東".encode().hex()}
    body = {"score": 2, "opponent_score": 2}  # a tie passes here
    first = served.post(older_path(match_id), body, user=one, headers=key)
    again = served.post(older_path(match_id), body, user=one, headers=key)
    assert (first[0], again[0]) == (200, 200)
    assert again[1] == first[1] | {"meta": {"idempotent_replay": True}}
    assert served.query("SELECT version FROM tournament_engine_match_match WHERE id = %s", match_id) == [(2,)]


def test_the_older_endpoint_answers_409_on_a_state_that_is_not_live(served, match):
    match_id, one, _ = match
    body = {"score": 2, "opponent_score": 1}
    assert served.post(older_path(match_id), body, user=one, headers={"Idempotency-Key": "a"})[0] == 200
    for headers in ({}, {"Idempotency-Key": "b"}):
        status, answer, _ = served.post(older_path(match_id), body, user=one, headers=headers)
        assert (status, answer["code"]) == (409, "WRONG_STATE")


def test_of_four_at_once_only_one_leaves_live(served, match):
    match_id, one, two = match
    with ThreadPoolExecutor(4) as threads:
        body = {"score": 1, "opponent_score": 9}
        answers = threads.map(
            lambda user: served.post(older_path(match_id), body, user=user), (one, two, one, two)
        )
        assert sorted(status for status, *_ in answers) == [200, 409, 409, 409]


def test_the_older_endpoint_refuses_strangers_unknown_matches_and_negative_scores(served, match):
    match_id, one, _ = match
    body = {"score": 2, "opponent_score": 1}
    assert served.post(older_path(match_id), body, user=150)[0] == 403
    assert served.post(older_path(10**9), body, user=one)[0] == 404
    assert served.post(older_path(match_id), {"score": -2, "opponent_score": 1}, user=one)[0] == 400


# Certificates


def upload(served, registration_id, body=CERTIFICATE, *, kind="participant", user=1):
    path = f"/api/tournaments/registrations/{registration_id}/certificate/?certificate_type={kind}"
    return served.post(path, user=user, raw=body, headers={"Content-Type": "image/svg+xml"})


def test_a_certificate_is_stored_and_reads_back_byte_for_byte_by_both_ways(served):
    status, stored, _ = upload(served, 3)
    assert status == 201
    assert stored["sha256"] == hashlib.sha256(CERTIFICATE).hexdigest()
    path = f"/api/tournaments/certificates/{stored['id']}/"
    status, body, headers = served.get(path, user=3)
    assert (status, body) == (200, CERTIFICATE)
    assert headers["ETag"] == f'"{stored["sha256"]}"'
    assert headers["Cache-Control"] == "private, max-age=300"
    assert headers["Content-Type"] == "image/svg+xml"
    status, link, _ = served.get(path + "url/", user=3)
    assert status == 200
    with urllib3.PoolManager() as pool:
        assert pool.request("GET", link["url"]).data == CERTIFICATE
    assert served.query(
        "SELECT download_count FROM tournament_engine_certificate_certificate WHERE id = %s", stored["id"]
    ) == [(1,)]


def test_a_certificate_is_only_for_its_owner_the_organiser_and_staff(served):
    stored = upload(served, 4)[1]
    path = f"/api/tournaments/certificates/{stored['id']}/"
    assert [served.get(path, user=user)[0] for user in (4, 1, 5)] == [200, 200, 403]
    assert served.get(path)[0] == 401
    assert served.get(path + "url/", user=5)[0] == 403
    assert upload(served, 5, user=6)[0] == 403
    assert served.get("/api/tournaments/certificates/1000000/", user=1)[0] == 404


def test_anybody_verifies_a_certificate_by_its_code(served):
    stored = upload(served, 6, kind="winner")[1]
    status, body, _ = served.get(f"/api/tournaments/certificates/verify/{stored['code']}/")
    assert status == 200
    assert body["valid"] is True
    assert (body["certificate_type"], body["placement"], body["is_tampered"]) == ("winner", 1, False)
    assert body["participant_display_name"].startswith("player-6 ")
    assert served.get(f"/api/tournaments/certificates/verify/{uuid.uuid4()}/")[0] == 404


def test_a_tampered_certificate_says_so(served, s3_server):
    stored = upload(served, 7)[1]
    served.platform.certificates._storage.save(stored["key"], b"forged", "image/svg+xml")
    _, body, _ = served.get(f"/api/tournaments/certificates/verify/{stored['code']}/")
    assert (body["valid"], body["is_tampered"]) == (False, True)


def test_a_revoked_certificate_is_gone_but_still_verifiable(served, module_database):
    stored = upload(served, 8)[1]
    revoke(module_database.conninfo, stored["id"], "played under a false name")
    status, body, _ = served.get(f"/api/tournaments/certificates/{stored['id']}/", user=8)
    assert (status, body["code"]) == (410, "GONE")
    status, body, _ = served.get(f"/api/tournaments/certificates/verify/{stored['code']}/")
    assert (status, body["valid"], body["revoked"]) == (200, False, True)
    assert body["revoked_reason"] == "played under a false name"


def test_what_cannot_become_a_certificate_is_refused(served):
    assert upload(served, 9)[0] == 201
    assert upload(served, 9)[0] == 409
    assert upload(served, 10, b"")[0] == 400
    assert upload(served, 10, kind="best")[0] == 400
    assert upload(served, 10**9)[0] == 404
    path = "/api/tournaments/registrations/10/certificate/"
    assert served.post(path, user=1, raw=b"x", headers={"Content-Type": "text/html"})[0] == 415


# Our own additions


def transfer_body(served, key, amount=10, sender=10, receiver=11):
    return {"from_wallet": sender, "to_wallet": receiver, "amount": amount, "idempotency_key": key}


def test_a_transfer_moves_coins_once_per_key(served):
    before = dict(
        served.query("SELECT id, cached_balance FROM economy_deltacrownwallet WHERE id IN (10, 11)")
    )
    first = served.post("/api/economy/transfers/", transfer_body(served, "once"), user=10)
    again = served.post("/api/economy/transfers/", transfer_body(served, "once"), user=10)
    assert (first[0], again[0]) == (201, 200)
    assert (first[1]["replayed"], again[1]["replayed"]) == (False, True)
    assert again[1]["debit_id"] == first[1]["debit_id"]
    after = dict(served.query("SELECT id, cached_balance FROM economy_deltacrownwallet WHERE id IN (10, 11)"))
    assert (after[10] - before[10], after[11] - before[11]) == (-10, 10)
    status, body, _ = served.post("/api/economy/transfers/", transfer_body(served, "once", 11), user=10)
    assert (status, body["code"]) == (409, "IDEMPOTENCY_CONFLICT")


def test_transfers_that_cannot_be_are_refused(served):
    def refused(user=10, **change):
        body = transfer_body(served, uuid.uuid4().hex) | change
        status, answer, _ = served.post("/api/economy/transfers/", body, user=user)
        return status, answer["code"]

    assert refused(amount=2_000_000_000) == (400, "INSUFFICIENT_FUNDS")
    assert refused(amount=0) == (400, "VALIDATION_ERROR")
    assert refused(to_wallet=10) == (400, "VALIDATION_ERROR")
    assert refused(idempotency_key="k" * 58) == (400, "VALIDATION_ERROR")
    assert refused(user=12) == (403, "PERMISSION_DENIED")
    assert refused(to_wallet=10**9) == (404, "NOT_FOUND")
    assert refused(from_wallet=10**9) == (404, "NOT_FOUND")


def test_a_ledger_is_read_page_by_page_newest_first(served):
    seen, cursor = [], ""
    while True:
        status, page, _ = served.get(f"/api/economy/wallets/42/transactions/?limit=500{cursor}", user=42)
        assert status == 200
        seen += page["results"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(seen) == 1234
    assert len({row["id"] for row in seen}) == 1234
    assert [row["created"] for row in seen] == sorted((row["created"] for row in seen), reverse=True)


def test_a_ledger_is_its_owners_and_staffs(served):
    path = "/api/economy/wallets/20/transactions/"
    assert [served.get(path, user=user)[0] for user in (20, 1, 21)] == [200, 200, 403]
    assert served.get("/api/economy/wallets/1000000/transactions/", user=20)[0] == 404


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=ten", "cursor=rubbish", "cursor=%C3%A9"])
def test_a_cursor_or_limit_that_is_not_ours_is_a_400(served, query):
    assert served.get(f"/api/economy/wallets/42/transactions/?{query}", user=42)[0] == 400


def test_the_moderation_history_is_for_staff(served):
    path = "/api/moderation/TRN-2025-001/actions/"
    status, page, _ = served.get(path, user=1)
    assert (status, len(page["results"])) == (200, 100)
    assert page["next_cursor"]
    assert served.get(path, user=2)[0] == 403
    assert served.get("/api/moderation/unknown/actions/", user=1)[1] == {"results": [], "next_cursor": None}

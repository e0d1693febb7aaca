"""The OpenAPI document says what the server does: each operation in it is called, and its answer fits."""

import re

import pytest
from jsonschema import Draft202012Validator

from reference.web.app import OPERATIONS
from reference.web.openapi import document
from reference.web.passwords import hash_password
from tests.support.web_served import s3_storage, serving

SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
PATHS = document(OPERATIONS, "0")["paths"]
CALLS = [(path, method) for path, item in PATHS.items() for method in item]
CALLS_WITH_BODY = [(path, method) for path, method in CALLS if "requestBody" in PATHS[path][method]]


@pytest.fixture(scope="module")
def served(module_database, s3_server):
    with serving(module_database, storage=s3_storage(s3_server, "openapi/")) as served:
        yield served


@pytest.fixture(scope="module")
def described(served):
    status, body, _ = served.get("/openapi.json")
    assert status == 200
    return body


@pytest.fixture(scope="module")
def samples(served):
    """For each operation: path values, body and headers of a call that succeeds. User 1 is staff."""
    served.query(
        "UPDATE accounts_user SET password = %s WHERE id = 1 RETURNING id",
        hash_password("pw", iterations=1000),
    )
    [(name,)] = served.query("SELECT username FROM accounts_user WHERE id = 1")
    matches = served.query(
        "INSERT INTO tournament_engine_match_match "
        "(tournament_id, round_number, match_number, participant1_id, participant2_id, state) "
        "SELECT %s, 8, n, 1, 2, 'live' FROM generate_series(1, 2) n RETURNING id",
        served.seeded.live_tournaments.start,
    )
    certificate = served.platform.upload_certificate(1, SVG)
    return {
        "/healthz/": {},
        "/api/token/": {"json": {"username": name, "password": "pw"}},
        "/api/token/refresh/": {"json": {"refresh": served.token(1, "refresh")}},
        "/api/token/verify/": {"json": {"token": served.token(1)}},
        "/api/tournaments/registrations/solo/": {"json": {"tournament_id": 2}},
        "/api/tournaments/results/{match_id}/submit-result/": {
            "path": matches[0][0], "json": {"participant1_score": 2, "participant2_score": 1}
        },
        "/api/tournaments/results/{match_id}/confirm-result/": {"path": matches[0][0]},
        "/api/tournaments/matches/{match_id}/submit-result/": {
            "path": matches[1][0], "json": {"score": 2, "opponent_score": 1}
        },
        "/api/tournaments/matches/{match_id}/": {"path": matches[0][0]},
        "/api/tournaments/certificates/{certificate_id}/": {"path": certificate.id},
        "/api/tournaments/certificates/{certificate_id}/url/": {"path": certificate.id},
        "/api/tournaments/certificates/verify/{code}/": {"path": certificate.code},
        "/api/tournaments/registrations/{registration_id}/certificate/": {"path": 2, "raw": SVG},
        "/api/economy/transfers/": {
            "json": {"from_wallet": 1, "to_wallet": 2, "amount": 1, "idempotency_key": "openapi"}
        },
        "/api/economy/wallets/{wallet_id}/transactions/": {"path": 1},
        "/api/moderation/{ref_id}/actions/": {"path": "TRN-2025-001"},
    }  # fmt: skip


def schema_of(described, schema):
    """The schema with the document's components beside it, so that its references resolve."""
    return Draft202012Validator({**schema, "components": described["components"]})


def call(served, path, method, sample, **options):
    url = re.sub(r"\{\w+\}", str(sample.get("path")), path)
    headers = {"Content-Type": "image/svg+xml"} if "raw" in sample else {}
    return served.call(
        method.upper(), url, sample.get("json"), raw=sample.get("raw"), headers=headers, **options
    )


def test_the_document_is_valid_json_schema_throughout(described):
    assert described["openapi"] == "3.1.0"
    for item in described["paths"].values():
        for operation in item.values():
            bodies = [*operation["responses"].values(), operation.get("requestBody", {})]
            for content in (body.get("content", {}) for body in bodies):
                for media in content.values():
                    Draft202012Validator.check_schema(media["schema"])


@pytest.mark.parametrize(("path", "method"), CALLS)
def test_a_good_call_answers_what_is_described(served, described, samples, path, method):
    operation = described["paths"][path][method]
    status, body, headers = call(served, path, method, samples[path], user=1)
    assert status in (200, 201)
    content = operation["responses"][str(status)]["content"]
    media_type = headers["Content-Type"].partition(";")[0]
    assert media_type in content
    if media_type == "application/json":
        schema_of(described, content[media_type]["schema"]).validate(body)


@pytest.mark.parametrize(("path", "method"), CALLS)
def test_a_call_without_a_token_is_refused_exactly_where_the_document_asks_for_one(
    served, described, samples, path, method
):
    operation = described["paths"][path][method]
    status, body, _ = call(served, path, method, samples[path])
    assert (status == 401) == bool(operation["security"])
    if operation["security"]:
        schema = operation["responses"]["401"]["content"]["application/json"]["schema"]
        schema_of(described, schema).validate(body)


@pytest.mark.parametrize(("path", "method"), CALLS_WITH_BODY)
def test_an_empty_body_is_refused_where_the_document_asks_for_one(served, described, samples, path, method):
    operation = described["paths"][path][method]
    sample = samples[path]
    wrong = (
        {"path": sample.get("path"), "raw": b""}
        if "raw" in sample
        else {"path": sample.get("path"), "json": {}}
    )
    status, body, _ = call(served, path, method, wrong, user=1)
    assert status == 400
    assert "400" in operation["responses"]
    schema_of(described, described["components"]["schemas"]["Refusal"]).validate(body)


def test_what_the_real_platform_lacks_is_marked_as_an_addition(described):
    additions = {
        path for path, item in described["paths"].items() for it in item.values() if "addition" in it["tags"]
    }
    assert additions == {
        "/api/economy/transfers/",
        "/api/economy/wallets/{wallet_id}/transactions/",
        "/api/moderation/{ref_id}/actions/",
        "/api/tournaments/certificates/{certificate_id}/url/",
        "/api/tournaments/matches/{match_id}/",
        "/api/tournaments/registrations/{registration_id}/certificate/",
    }


def test_every_operation_has_a_sample_here(samples):
    assert {path for path, _ in CALLS} == set(samples)

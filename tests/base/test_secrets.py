"""No secret is shown, in whichever form it comes, and nothing else is garbled."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailguard.base.secrets import MASK, mask, mask_all

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJlLW9mLXRoaXM"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://guard:hunter22@db:5432/arena", "postgresql://guard:***@db:5432/arena"),
        ("postgres://:hunter22@/arena?host=/tmp", "postgres://:***@/arena?host=/tmp"),
        ("postgresql://guard:p@ss@db/arena", "postgresql://guard:***@db/arena"),
        (
            "postgresql://db/arena?password=hunter22&sslmode=require",
            "postgresql://db/arena?password=***&sslmode=require",
        ),
        ("host=db user=guard password=hunter22 dbname=arena", "host=db user=guard password=*** dbname=arena"),
        ("host=db password='hunter \\' 22' dbname=arena", "host=db password=*** dbname=arena"),
        ("PGPASSWORD=hunter22 psql", "PGPASSWORD=*** psql"),
        ("AWS_SECRET_ACCESS_KEY=wJalrXUt/K7MD+bPx", "AWS_SECRET_ACCESS_KEY=***"),
        (
            "{'aws_secret_access_key': 'wJalrXUt/K7MD+bPx', 'region': 'x'}",
            "{'aws_secret_access_key': ***, 'region': 'x'}",
        ),
        ("key AKIAIOSFODNN7EXAMPLE refused", "key *** refused"),
        (
            "GET /b/k?X-Amz-Credential=AKI%2F2026&X-Amz-Expires=60&X-Amz-Signature=abc123 403",
            "GET /b/k?X-Amz-Credential=***&X-Amz-Expires=60&X-Amz-Signature=*** 403",
        ),
        (f"Authorization: Bearer {TOKEN}", "Authorization: Bearer ***"),
        (f"ws://host/ws/tournament/1/?token={TOKEN}", "ws://host/ws/tournament/1/?token=***"),
        (f"got {TOKEN} back", "got *** back"),
        ('{"refresh_token": "abcdef", "n": 1}', '{"refresh_token": ***, "n": 1}'),
    ],
)
def test_a_secret_is_masked_and_the_rest_stays(text, shown):
    assert mask(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8333/bucket/key",
        "postgresql://guard@db:5432/arena",
        "see https://example.org:8080/a@b",
        "password authentication failed for user guard",
        "password_encryption = scram-sha-256",
        "commit 0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c",
        "certificate_upload presigned_read p95 < 50ms, key certificates/7.svg",
        "12:30 mail guard@example.org",
    ],
)
def test_what_is_no_secret_stays(text):
    assert mask(text) == text


def test_values_of_secret_variables_are_masked_wherever_they_turn_up(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    monkeypatch.setenv("PGPASSWORD", "test")
    assert mask("signed with wJalrXUtnFEMI") == "signed with ***"
    assert mask("the test failed") == "the test failed", "a short word would garble texts"


def test_known_values_are_masked_longest_first():
    assert mask("abcdefgh-ijkl abcdefgh", known=("abcdefgh", "abcdefgh-ijkl")) == "*** ***"


def test_plain_data_is_masked_throughout():
    data = {
        "command": ["run", "postgresql://u:hunter22@h/d"],
        "password": "hunter22",
        "n": 3,
        "token": "",
        "ok": None,
    }
    assert mask_all(data) == {
        "command": ["run", "postgresql://u:***@h/d"],
        "password": MASK,
        "n": 3,
        "token": "",
        "ok": None,
    }


PASSWORDS = st.text(
    st.characters(codec="ascii", categories=("L", "N"), include_characters="!$%*+-.~_"), min_size=4
)


@settings(deadline=None)  # a busy machine is no failure
@given(PASSWORDS, st.sampled_from(["postgresql://u:{}@h:5432/d", "host=h password={} dbname=d", "token={}"]))
def test_no_password_gets_through(password, form):
    """And masking twice changes nothing: texts pass through more than one hand."""
    masked = mask(form.format(password))
    assert masked == form.format(MASK)
    assert mask(masked) == masked


@settings(deadline=None)  # a busy machine is no failure
@given(st.text())
def test_masking_is_idempotent_on_any_text(text):
    assert mask(mask(text)) == mask(text)

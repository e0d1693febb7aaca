"""No secret is shown, in whichever form it comes, and nothing else is garbled."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tailguard.base import secrets
from tailguard.base.secrets import MASK, keep_secret, mask, mask_all, remember

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
        ("postgresql://me:hu/sh@9:x@db/arena", "postgresql://me:***@db/arena"),
        ("no host in postgresql://me:hunter22/arena", "no host in postgresql://me:***/arena"),
        ("postgresql//me:hunter22@db", "postgresql//me:***@db"),
        ("postgres:/me:hunter22@db", "postgres:/me:***@db"),
        ("postgres:hunter22@db", "postgres:***@db"),
        ("jdbc:postgresql://me:hunter22@db", "jdbc:postgresql://me:***@db"),
        ("redis://:hunter22@db:6379/0", "redis://:***@db:6379/0"),
        ("password=hun,ter;22) x", "password=***) x"),
        ("MY_CLIENT_SECRET=hunter22", "MY_CLIENT_SECRET=***"),
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
        "postgresql://db1:5432,db2:5433/arena",
        "postgresql://[::1]:5432/arena",
        "write postgresql://user@host:5432/database",
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
    monkeypatch.setenv("PGPASSWORD", "cat")
    assert mask("signed with wJalrXUtnFEMI") == "signed with ***"
    assert mask("the category") == "the category", "a value under four characters would garble texts"


def test_what_the_process_was_given_is_masked_longest_first():
    keep_secret("abcdefgh", "abcdefgh-ijkl")
    assert mask("abcdefgh-ijkl abcdefgh") == "*** ***"


def test_a_password_that_the_rest_of_its_address_holds_too_is_masked_there_alone():
    remember("postgresql://postgres:postgres@localhost/arena")
    assert mask("PostgreSQL at localhost: no user postgres") == "PostgreSQL at localhost: no user postgres"
    assert (
        mask("postgresql://postgres:postgres@localhost/arena") == "postgresql://postgres:***@localhost/arena"
    )


@pytest.mark.parametrize("password", ["data", "secret", "pass"])
def test_a_password_that_is_a_word_of_ours_is_masked_at_its_place_alone(password):
    remember(f"me:{password}@db/arena")
    assert mask(f"no secret password of a database in me:{password}@db/arena") == (
        "no secret password of a database in me:***@db/arena"
    )


def test_a_record_keeps_its_names_stamps_and_hashes_whatever_the_password_is(monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "complete")
    keep_secret("2026", "ab12")
    data = {
        "ended": "complete",
        "created_utc": "2026-11-29T08:00:00Z",
        "sha256": "00ab12",
        "why": "p95 of 2026 ms",
    }
    assert mask_all(data) == data


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


@settings(deadline=None)  # a busy machine is not a failure
@given(PASSWORDS, st.sampled_from(["postgresql://u:{}@h:5432/d", "host=h password={} dbname=d", "token={}"]))
def test_no_password_gets_through(password, form):
    """And masking twice changes nothing: texts pass through more than one hand."""
    masked = mask(form.format(password))
    assert masked == form.format(MASK)
    assert mask(masked) == masked


@pytest.mark.system
@settings(deadline=None)  # a busy machine is not a failure
@given(st.text())
def test_masking_is_idempotent_on_any_text(text):
    assert mask(mask(text)) == mask(text)


# What took quadratic time: runs of letters that may begin an address, a name, a token, again and again.
HARD = (
    "a.a.",
    "a-a-",
    "eyJ-",
    "eyJaaaaa.",
    "://",
    "postgres:",
    "password='\\'",
    "password ",
    "secret_",
    "a:/b@",
    "=,",
)


@pytest.mark.system
@pytest.mark.parametrize("part", HARD)
def test_a_megabyte_is_masked_in_linear_time(part):
    """It ends: at 40 kB the old one took 8 s, and a megabyte would take it an hour and a half."""
    assert len(mask(part * (1_000_000 // len(part)))) > 0


PARAMETERS = (
    "postgresql://db/arena?user=me&password={}",
    "postgresql://db/arena?sslpassword={}&sslmode=require",
    "host=db password={} dbname=arena",
    "host=db password = '{}' dbname=arena",
)
# The forms in which a connection string is written, rightly and wrongly.
FORMS = (
    "postgresql://me:{}@db:5432/arena",
    "postgres://me:{}@/arena?host=/tmp",
    "postgresql+psycopg://:{}@db",
    "postgresql//me:{}@db",
    "postgres:/me:{}@db/arena",
    "postgresql:me:{}@db",
    "postgre://me:{}@db",
    "jdbc:postgresql://me:{}@db/arena",
    "me:{}@db/arena",
    "mysql://me:{}@db",
    *PARAMETERS,
)
MESSAGES = (
    "{}",
    "could not connect to {}: timeout",
    "Error: ({})",
    "{!r} is not a number",
    '{{"dsn": "{}"}}',
    "--set=chaos.faults={}",
)
ANY = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S"), include_characters=" "),
    min_size=1,
    max_size=20,
)


def pieces(text):
    return {text[place : place + 4] for place in range(len(text) - 3)}


def masked_with(password, form, message):
    dsn = form.format(password)
    remember(dsn)
    return mask(message.format(dsn))


@pytest.mark.system
@settings(max_examples=1500)
@given(ANY, st.sampled_from(FORMS), st.sampled_from(MESSAGES))
def test_no_four_characters_of_a_password_come_out_that_another_password_would_not_bring(
    password, form, message
):
    assume(form not in PARAMETERS or not {"=", "&"} & {*password})  # there it would be another parameter
    secrets._known.clear()
    other = masked_with("Zq7", form, message)
    secrets._known.clear()
    assert not (pieces(password) & pieces(masked_with(password, form, message))) - pieces(other)

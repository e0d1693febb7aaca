"""What an unwanted answer said is shown with all that finds its cause, in one line, and without a secret."""

import pytest

from tailguard.base.answered import MOST_SAID, Answered
from tailguard.base.secrets import keep_secret


def told(status=409, content=b"", **headers):
    return str(
        Answered("POST /orders", status, {k.replace("_", "-"): v for k, v in headers.items()}, content)
    )


def test_it_has_the_status_the_name_in_the_servers_log_and_the_first_bytes():
    text = told(400, b'{"error":\n  "no such order"}', X_Correlation_Id="7f3a")
    assert text == 'POST /orders answered 400 (X-Correlation-Id 7f3a): {"error": "no such order"}'


def test_an_answer_without_any_of_it_is_its_status():
    assert told(502) == "POST /orders answered 502"
    assert str(Answered("", 502, {}, b"")) == "HTTP 502"


def test_a_redirect_shows_where_to_and_what_to_do():
    text = told(301, Location="https://shop.example/orders/")
    assert "a redirect to https://shop.example/orders/: use that host and path" in text


@pytest.mark.parametrize("place", ["X_Request_Id", "Location", "body"])
def test_a_secret_is_masked_wherever_it_stands(place):
    keep_secret("hunter2hunter2")
    body = b"x" * (MOST_SAID - 8) + b" hunter2hunter2" if place == "body" else b""
    headers = {} if place == "body" else {place: "https://a/?q=hunter2hunter2"}
    assert "hunter" not in told(302, body, **headers)


def test_a_long_body_is_cut():
    assert len(told(500, b"<html>" * 10**6)) < MOST_SAID + 50

"""Tokens: the claims of the real platform, and nothing else is let in."""

import jwt
import pytest

from reference.errors import Unauthenticated
from reference.tokens import ExpiredToken, Tokens

SECRET = "s" * 32


@pytest.fixture
def now():
    return [1_000_000.0]


@pytest.fixture
def tokens(now):
    return Tokens(SECRET, lambda: now[0])


def test_a_token_has_the_real_platforms_claims(tokens):
    claims = jwt.decode(tokens.mint(7), SECRET, algorithms=["HS256"], options={"verify_exp": False})
    assert (claims["user_id"], claims["token_type"], claims["exp"] - claims["iat"]) == ("7", "access", 3600)
    assert set(claims) == {"user_id", "token_type", "exp", "iat", "jti"}


def test_it_says_whose_it_is_until_it_expires(tokens, now):
    token = tokens.mint(7)
    now[0] += 3599
    assert tokens.user_id(token) == 7
    now[0] += 1
    with pytest.raises(ExpiredToken):
        tokens.user_id(token)
    assert tokens.user_id(token, leeway_s=60) == 7


def test_a_refresh_token_is_no_access_token(tokens):
    with pytest.raises(Unauthenticated, match="access"):
        tokens.user_id(tokens.mint(7, "refresh"))
    assert tokens.user_id(tokens.mint(7, "refresh"), "refresh") == 7


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "a.b.c",
        jwt.encode({"user_id": "7", "exp": 2e9, "token_type": "access"}, "t" * 32, algorithm="HS256"),
        jwt.encode({"user_id": "7", "exp": 2e9, "token_type": "access"}, None, algorithm="none"),
        jwt.encode({"user_id": "7", "token_type": "access"}, SECRET, algorithm="HS256"),
        jwt.encode({"user_id": "seven", "exp": 2e9, "token_type": "access"}, SECRET, algorithm="HS256"),
        jwt.encode({"user_id": ["7"], "exp": 2e9, "token_type": "access"}, SECRET, algorithm="HS256"),
    ],
)
def test_what_is_not_ours_does_not_hold(tokens, forged):
    with pytest.raises(Unauthenticated, match="does not hold"):
        tokens.user_id(forged)


def test_a_short_secret_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        Tokens("short")

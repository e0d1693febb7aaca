"""Tokens: the claims of the real platform, and nothing else is let in."""

import jwt
import pytest

from reference.errors import Unauthenticated
from reference.tokens import SOCKET_LEEWAY_S, ExpiredToken, Tokens

SECRET = "s" * 32


@pytest.fixture
def tokens():
    return Tokens(SECRET)


def test_a_token_has_the_real_platforms_claims(tokens):
    claims = jwt.decode(tokens.mint(7), SECRET, algorithms=["HS256"])
    assert (claims["user_id"], claims["token_type"], claims["exp"] - claims["iat"]) == ("7", "access", 3600)
    assert set(claims) == {"user_id", "token_type", "exp", "iat", "jti"}


def test_it_says_whose_it_is_until_it_expires(tokens):
    assert tokens.user_id(tokens.mint(7)) == 7
    expired = tokens.mint(7, lasts_s=0)
    with pytest.raises(ExpiredToken):
        tokens.user_id(expired)
    assert tokens.user_id(expired, leeway_s=SOCKET_LEEWAY_S) == 7


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

"""Access tokens: HS256 JWTs with the claims of the real platform."""

import time
import uuid
from typing import Any

import jwt

from reference.errors import Unauthenticated

ACCESS_S, REFRESH_S = 60 * 60, 7 * 24 * 60 * 60
# Clocks differ: an expired token is accepted for another minute by the socket, as the platform intends.
SOCKET_LEEWAY_S = 60


class ExpiredToken(Unauthenticated):
    """The token was ours, and its time is over."""

    status = 401
    code = "TOKEN_EXPIRED"


class Tokens:
    """Mints and verifies tokens of one secret."""

    def __init__(self, secret: str) -> None:
        """Sign with `secret`, at least 32 characters as HS256 wants."""
        if len(secret.encode()) < 32:  # noqa: PLR2004 - RFC 7518 section 3.2: a key as long as the hash
            raise ValueError("a token secret needs at least 32 bytes")
        self._secret = secret

    def mint(self, user_id: int, token_type: str = "access", lasts_s: int | None = None) -> str:  # noqa: S107 - a kind, no secret
        """Return a token for a user: `access` lasts an hour, `refresh` a week."""
        issued = int(time.time())
        lasts_s = lasts_s if lasts_s is not None else (ACCESS_S if token_type == "access" else REFRESH_S)  # noqa: S105 - likewise
        claims = {
            "user_id": str(user_id),
            "token_type": token_type,
            "iat": issued,
            "exp": issued + lasts_s,
            "jti": uuid.uuid4().hex,
        }
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def user_id(self, token: str, token_type: str = "access", leeway_s: int = 0) -> int:  # noqa: S107 - a kind, no secret
        """Return whose token it is. Raises ExpiredToken, or Unauthenticated without saying what is wrong with it."""
        try:
            options: Any = {"require": ["exp", "user_id"], "verify_iat": False}
            claims = jwt.decode(token, self._secret, ["HS256"], options, leeway=leeway_s)
            user_id = int(claims["user_id"])
        except jwt.ExpiredSignatureError:
            raise ExpiredToken("the token has expired") from None
        except (jwt.InvalidTokenError, ValueError, TypeError):
            raise Unauthenticated("the token does not hold") from None
        if claims.get("token_type") != token_type:
            raise Unauthenticated(f"this needs a token of type {token_type}")
        return user_id

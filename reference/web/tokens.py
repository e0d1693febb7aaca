"""Obtaining, refreshing and checking access tokens over HTTP."""

from reference.errors import Unauthenticated
from reference.platform import DeltaCrown
from reference.web.fields import STRING, text
from reference.web.operation import Call, Operation, Reply, object_of
from reference.web.passwords import ALGORITHM, ITERATIONS, password_matches

# The platform takes a user name or an e-mail address. A user name wins where one user's name is another's address.
_FIND = """
SELECT id, password FROM accounts_user WHERE (username = $1 OR email = $1) AND is_active
ORDER BY username = $1 DESC LIMIT 1
"""
PAIR = object_of({"access": STRING, "refresh": STRING})
LONGEST_PASSWORD = 4096  # PBKDF2 takes any length; a megabyte of password is an attack
WRONG = "no active account found with the given credentials"
# Compared where there is no such user, so that the time taken does not tell which names exist. No digest is
# empty, so no password fits.
NOBODY = f"{ALGORITHM}${ITERATIONS}$nobody$"


def obtain(platform: DeltaCrown, call: Call) -> Reply:
    with platform.database.connection() as connection:
        row = connection.row(_FIND, call.body["username"])
    user_id, stored = row or (0, NOBODY)
    if not password_matches(call.body["password"], stored) or row is None:
        raise Unauthenticated(WRONG)
    return Reply(200, _pair(platform, user_id))


def refresh(platform: DeltaCrown, call: Call) -> Reply:
    """A new pair for a refresh token."""
    return Reply(200, _pair(platform, platform.tokens.user_id(call.body["refresh"], "refresh")))


def verify(platform: DeltaCrown, call: Call) -> Reply:
    """200 with an empty object where the access token holds."""
    platform.tokens.user_id(call.body["token"])
    return Reply(200, {})


def _pair(platform: DeltaCrown, user_id: int) -> dict[str, str]:
    return {kind: platform.tokens.mint(user_id, kind) for kind in ("access", "refresh")}


OPERATIONS = (
    Operation(
        "POST",
        "/api/token/",
        "Obtain a pair of tokens",
        obtain,
        (200, PAIR),
        refusals={401: "wrong user name or password"},
        body=object_of({"username": text(254, 1), "password": text(LONGEST_PASSWORD, 1)}),
        audience="public",
        scope="anon",
    ),
    Operation(
        "POST",
        "/api/token/refresh/",
        "Refresh a pair of tokens",
        refresh,
        (200, PAIR),
        refusals={401: "the refresh token does not hold"},
        body=object_of({"refresh": STRING}),
        audience="public",
        scope="anon",
    ),
    Operation(
        "POST",
        "/api/token/verify/",
        "Check an access token",
        verify,
        (200, object_of({})),
        refusals={401: "the token does not hold"},
        body=object_of({"token": STRING}),
        audience="public",
        scope="anon",
    ),
)

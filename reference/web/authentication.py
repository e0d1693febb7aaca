"""Whose token is it? A bearer token's user, looked up on every request, so that a closed account ends at once."""

from reference.database import Database
from reference.errors import Unauthenticated
from reference.tokens import Tokens
from reference.web.operation import Caller

_CALLER = "SELECT is_staff FROM accounts_user WHERE id = $1 AND is_active"


class Authentication:
    """Turns an Authorization header into a caller."""

    def __init__(self, tokens: Tokens, database: Database) -> None:
        self._tokens = tokens
        self._database = database

    def __call__(self, authorization: str) -> Caller | None:
        """The caller, or None without a bearer token. Raises Unauthenticated for one that does not hold."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        return self.caller(self._tokens.user_id(token.strip()))

    def caller(self, user_id: int) -> Caller:
        """An active user. Raises Unauthenticated where there is none."""
        with self._database.connection() as connection:
            row = connection.row(_CALLER, user_id)
        if row is None:
            raise Unauthenticated("no such user, or the account is closed")
        return Caller(user_id, is_staff=row[0])

"""Who listens: a user's name and role in a tournament's room."""

from dataclasses import dataclass

from reference.database import Database
from reference.errors import Unauthenticated

_MEMBER = """
SELECT u.username, CASE
    WHEN u.is_staff THEN 'admin'
    WHEN EXISTS (
        SELECT FROM tournaments_tournament t WHERE t.id = $1 AND t.organizer_id = u.id
    ) THEN 'organizer'
    WHEN EXISTS (
        SELECT FROM tournaments_registration r WHERE r.tournament_id = $1 AND r.user_id = u.id
    ) THEN 'player'
    ELSE 'spectator' END
FROM accounts_user u WHERE u.id = $2 AND u.is_active
"""


@dataclass(frozen=True, slots=True)
class Member:
    """A user in a room."""

    user_id: int
    username: str
    role: str


class Rooms:
    """Looks members up. Any tournament id has a room, existing or not, as on the platform."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def member(self, tournament_id: int, user_id: int) -> Member:
        """Return who a user is in a tournament's room. Raises Unauthenticated for an unknown or inactive user."""
        with self._database.connection() as connection:
            row = connection.row(_MEMBER, tournament_id, user_id)
        if row is None:
            raise Unauthenticated("the token's user does not exist")
        return Member(user_id, *row)

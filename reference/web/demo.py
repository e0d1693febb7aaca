"""Accounts to try a seeded platform with: seeded users have no password until one is set here."""

import secrets
from dataclasses import dataclass, field

from reference.platform import DeltaCrown
from reference.web.passwords import hash_password

# The seed's first user is staff and organises every tournament; the second is a player like the others.
STAFF_ID, PLAYER_ID = 1, 2
_OPEN = "UPDATE accounts_user SET password = $1 WHERE id IN ($2, $3) RETURNING id, email"


@dataclass(frozen=True, slots=True)
class DemoAccounts:
    """Two accounts with one password, made for this occasion."""

    player: str
    staff: str
    password: str = field(repr=False)


def open_demo_accounts(platform: DeltaCrown) -> DemoAccounts:
    """Give the seed's first two users a new random password."""
    password = secrets.token_urlsafe(9)
    with platform.database.connection() as connection:
        rows = connection.run(_OPEN, hash_password(password), STAFF_ID, PLAYER_ID)
    emails = {row[0]: row[1] for row in rows}
    return DemoAccounts(emails[PLAYER_ID], emails[STAFF_ID], password)

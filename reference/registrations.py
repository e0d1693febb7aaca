"""Joining a tournament: state, capacity, duplicates, the entry and its payment row in one transaction."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.errors import ForeignKeyViolation, UniqueViolation

from reference.connection import Connection
from reference.database import Database
from reference.errors import Conflict, Invalid, NotFound
from reference.faults import Faults

# NO KEY: others may still refer to the tournament (an audit row does), only registrations wait for one another.
_LOCK = """
SELECT status, participant_count, max_participants FROM tournaments_tournament WHERE id = $1 FOR NO KEY UPDATE
"""
_ENTER = """
INSERT INTO tournaments_registration (tournament_id, user_id, registered_at) VALUES ($1, $2, now())
ON CONFLICT (tournament_id, user_id) DO NOTHING
RETURNING id, registration_number, status, created_at
"""
# The defect of the numbers: the highest plus one, which two registrations at once both take.
_ENTER_NUMBERED = """
INSERT INTO tournaments_registration (tournament_id, user_id, registered_at, registration_number)
SELECT $1, $2, now(), 'REG-' || coalesce(max(substring(registration_number FROM 5)::bigint), 0) + 1
FROM tournaments_registration
ON CONFLICT (tournament_id, user_id) DO NOTHING
RETURNING id, registration_number, status, created_at
"""
# Both in one statement: the tournament's lock is held for one round trip less.
_PAY = """
WITH counted AS (UPDATE tournaments_tournament SET participant_count = participant_count + 1 WHERE id = $6)
INSERT INTO tournaments_paymentverification (registration_id, method, transaction_id, payer_account_number, amount_bdt)
VALUES ($1, $2, $3, $4, $5) RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Payment:
    """What a player says about the payment. Every registration gets one, free or not."""

    method: str = "free"
    transaction_id: str = ""
    amount_bdt: int = 0
    payer_account_number: str = ""


@dataclass(frozen=True, slots=True)
class Registration:
    """A row of tournaments_registration with the id of its payment row."""

    id: int
    number: str
    status: str
    created_at: datetime
    tournament_id: int
    user_id: int
    payment: Payment
    payment_id: int


FREE = Payment()


class Registrations:
    """Registers players."""

    def __init__(self, database: Database, faults: Faults) -> None:
        self._database = database
        self._check_capacity = not faults.has("capacity")
        self._enter = _ENTER_NUMBERED if faults.has("number_collision") else _ENTER

    def register(self, tournament_id: int, user_id: int, payment: Payment = FREE) -> Registration:
        """Enter a user. Raises NotFound, Invalid where it is not open, Conflict where it is full or entered already."""
        with self._database.transaction() as connection:
            self._lock(connection, tournament_id)
            entered = self._entered(connection, tournament_id, user_id)
            paid = connection.row(
                _PAY,
                entered[0],
                payment.method,
                payment.transaction_id,
                payment.payer_account_number,
                payment.amount_bdt,
                tournament_id,
            )
        assert paid is not None  # INSERT ... RETURNING gives a row
        return Registration(*entered, tournament_id, user_id, payment, paid[0])

    def _lock(self, connection: Connection, tournament_id: int) -> None:
        row = connection.row(_LOCK, tournament_id)
        if row is None:
            raise NotFound(f"there is no tournament {tournament_id}")
        status, count, capacity = row
        if status not in ("registration_open", "draft"):
            raise Invalid(
                f"tournament {tournament_id} is {status}, not open for registration", code="NOT_OPEN"
            )
        if self._check_capacity and count >= capacity:
            raise Conflict(
                f"tournament {tournament_id} is full with {count} participants", code="TOURNAMENT_FULL"
            )

    def _entered(
        self, connection: Connection, tournament_id: int, user_id: int
    ) -> tuple[int, str, str, datetime]:
        try:
            row = connection.row(self._enter, tournament_id, user_id)
        except ForeignKeyViolation:  # the tournament is locked, so the user is missing
            raise NotFound(f"there is no user {user_id}") from None
        except UniqueViolation:  # only a fault gives a number that is taken
            raise Conflict("the registration number is taken", code="INTEGRITY_ERROR") from None
        if row is None:
            message = f"user {user_id} is already registered for tournament {tournament_id}"
            raise Conflict(message, code="ALREADY_REGISTERED", status=400)
        return row[0], row[1], row[2], row[3]

"""Moving coins between two wallets: both locked in wallet order, two ledger rows, once per key."""

import random
import time
from dataclasses import dataclass
from typing import Any

from psycopg.errors import DeadlockDetected, SerializationFailure

from deltacrown.database import Connection, Database
from deltacrown.errors import Conflict, InsufficientFunds, Invalid, NotFound, Unavailable
from deltacrown.faults import CROSSING_GAP_S, Faults

# The ledger's key column holds 64 characters, of which the longer suffix, "_credit", takes 7.
MAX_KEY = 57
# As the real platform: three tries in all. Locks in one order make even the second one rare.
TRIES = 3
# The first pause before another try, doubled each time and drawn at random, so that the two losers do not meet again.
PAUSE_S = 0.005

# One statement takes both locks, the smaller id first: two crossing transfers queue instead of blocking each other.
_LOCK = """
SELECT id, cached_balance, allow_overdraft FROM economy_deltacrownwallet WHERE id IN (%s, %s)
ORDER BY id FOR NO KEY UPDATE
"""
_LOCK_ONE = (
    "SELECT id, cached_balance, allow_overdraft FROM economy_deltacrownwallet WHERE id = %s FOR NO KEY UPDATE"
)
_BOOK = """
UPDATE economy_deltacrownwallet
SET cached_balance = CASE id WHEN %(sender)s THEN %(sender_after)s ELSE %(receiver_after)s END, updated_at = now()
WHERE id IN (%(sender)s, %(receiver)s)
"""
_WRITE = """
INSERT INTO economy_economytransaction (wallet_id, amount, cached_balance_after, reason, note, idempotency_key)
VALUES (%(sender)s, -%(amount)s::int, %(sender_after)s, %(reason)s, %(note)s, %(key)s || '_debit'),
       (%(receiver)s, %(amount)s::int, %(receiver_after)s, %(reason)s, %(note)s, %(key)s || '_credit')
ON CONFLICT (idempotency_key) DO NOTHING
RETURNING id
"""
_FIRST = """
SELECT d.wallet_id, c.wallet_id, c.amount, d.cached_balance_after, c.cached_balance_after, d.id, c.id
FROM economy_economytransaction d JOIN economy_economytransaction c ON c.idempotency_key = %(key)s || '_credit'
WHERE d.idempotency_key = %(key)s || '_debit'
"""


@dataclass(frozen=True, slots=True)
class Transfer:
    """A finished transfer. `replayed` says that the key had been used before and nothing was moved now."""

    from_wallet: int
    to_wallet: int
    amount: int
    from_balance: int
    to_balance: int
    debit_id: int
    credit_id: int
    key: str
    replayed: bool = False
    retries: int = 0


class _KeyUsedError(Exception):
    """The key is in the ledger already: roll back and look at what it was used for."""


class Transfers:
    """Transfers between wallets. With `crossing` (a fault) the sender is locked first, whatever its id."""

    def __init__(self, database: Database, faults: Faults) -> None:
        """Work on a database."""
        self._database = database
        self._crossing = faults.has("crossing_deadlock")

    def transfer(
        self, from_wallet: int, to_wallet: int, amount: int, key: str, reason: str = "p2p", note: str = ""
    ) -> Transfer:
        """Move `amount` coins once per `key`; the same key with the same parties and amount answers the first result.

        Raises Invalid, NotFound, InsufficientFunds, Conflict (another use of the key), Unavailable (retried in vain).
        """
        _check(from_wallet, to_wallet, amount, key)
        values = {
            "sender": from_wallet,
            "receiver": to_wallet,
            "amount": amount,
            "key": key,
            "reason": reason,
            "note": note,
        }
        for retries in range(TRIES):
            try:
                return self._once(values, retries)
            except (DeadlockDetected, SerializationFailure) as failure:
                last: DeadlockDetected | SerializationFailure = failure
            time.sleep(PAUSE_S * 2**retries * random.random())  # noqa: S311 - jitter, not a secret
        raise Unavailable(
            f"the transfer {key!r} met {TRIES} deadlocks or conflicts", code="RETRIES_EXHAUSTED"
        ) from last

    def _once(self, values: dict[str, Any], retries: int) -> Transfer:
        try:
            with self._database.transaction() as connection:
                self._lock(connection, values)
                debit_id, credit_id = _book(connection, values)
        except _KeyUsedError:
            return self._replay(values)
        return Transfer(
            values["sender"],
            values["receiver"],
            values["amount"],
            values["sender_after"],
            values["receiver_after"],
            debit_id,
            credit_id,
            values["key"],
            retries=retries,
        )

    def _lock(self, connection: Connection, values: dict[str, Any]) -> None:
        """Lock both wallets and put the balances after into `values`."""
        sender, receiver, amount = values["sender"], values["receiver"], values["amount"]
        if self._crossing:
            rows = connection.execute(_LOCK_ONE, (sender,)).fetchall()
            time.sleep(CROSSING_GAP_S)
            rows += connection.execute(_LOCK_ONE, (receiver,)).fetchall()
        else:
            rows = connection.execute(_LOCK, (sender, receiver)).fetchall()
        wallets = {row[0]: row for row in rows}
        for wallet in (sender, receiver):
            if wallet not in wallets:
                raise NotFound(f"there is no wallet {wallet}")
        _, balance, overdraft = wallets[sender]
        if balance < amount and not overdraft:
            _refuse_unless_replay(connection, values, balance)
        values["sender_after"] = balance - amount
        values["receiver_after"] = wallets[receiver][1] + amount

    def _replay(self, values: dict[str, Any]) -> Transfer:
        with self._database.connection() as connection:
            return _first(connection, values)


def _book(connection: Connection, values: dict[str, Any]) -> tuple[int, int]:
    """Write both balances and both ledger rows; return the ids of debit and credit. Raises _KeyUsedError."""
    connection.execute(_BOOK, values)
    ids = connection.execute(_WRITE, values).fetchall()
    if not ids:
        raise _KeyUsedError
    return ids[0][0], ids[1][0]


def _refuse_unless_replay(connection: Connection, values: dict[str, Any], balance: int) -> None:
    """A replay must answer as the first time, even where its coins have been spent since."""
    if connection.execute(_FIRST, values).fetchone() is not None:
        raise _KeyUsedError
    raise InsufficientFunds(f"wallet {values['sender']} holds {balance}, less than {values['amount']}")


def _first(connection: Connection, values: dict[str, Any]) -> Transfer:
    row = connection.execute(_FIRST, values).fetchone()
    key, wanted = values["key"], (values["sender"], values["receiver"], values["amount"])
    if row is None or row[:3] != wanted:
        raise Conflict(f"the key {key!r} was used for another transfer", code="IDEMPOTENCY_CONFLICT")
    sender, receiver, amount, sender_after, receiver_after, debit_id, credit_id = row
    return Transfer(
        sender, receiver, amount, sender_after, receiver_after, debit_id, credit_id, key, replayed=True
    )


def _check(from_wallet: int, to_wallet: int, amount: int, key: str) -> None:
    if from_wallet == to_wallet:
        raise Invalid(f"wallet {from_wallet} cannot send coins to itself")
    if amount <= 0:
        raise Invalid(f"the amount must be above 0, not {amount}")
    if not 0 < len(key) <= MAX_KEY:
        raise Invalid(f"an idempotency key has 1 to {MAX_KEY} characters, not {len(key)}")

"""Moving coins between two wallets: both locked in wallet order, two ledger rows, once per key."""

import random
import time
from dataclasses import dataclass

from psycopg.errors import DeadlockDetected, SerializationFailure

from reference.connection import Connection, Row
from reference.database import Database
from reference.errors import Conflict, InsufficientFunds, Invalid, NotFound, Unavailable
from reference.faults import CROSSING_GAP_S, Faults

# The ledger's key column holds 64 characters, of which the longer suffix, "_credit", takes 7.
MAX_KEY = 57
# Balances and amounts are 4-byte integers.
MAX_AMOUNT = 2**31 - 1
# As the real platform: three tries in all. Locks in one order make even the second one rare.
TRIES = 3
# The first pause before another try, doubled each time and drawn at random, so that the losers do not meet again.
PAUSE_S = 0.005

# One statement takes both locks, the smaller id first: two crossing transfers queue instead of blocking each other.
_LOCK = """
SELECT id, cached_balance, allow_overdraft FROM economy_deltacrownwallet WHERE id IN ($1, $2)
ORDER BY id FOR NO KEY UPDATE
"""
_LOCK_ONE = """
SELECT id, cached_balance, allow_overdraft FROM economy_deltacrownwallet WHERE id = $1 FOR NO KEY UPDATE
"""
_BOOK = """
UPDATE economy_deltacrownwallet SET cached_balance = CASE id WHEN $1 THEN $3::int ELSE $4::int END, updated_at = now()
WHERE id IN ($1::bigint, $2::bigint)
"""
_WRITE = """
INSERT INTO economy_economytransaction (wallet_id, amount, cached_balance_after, reason, note, idempotency_key)
VALUES ($1, -$5::int, $3::int, $6, $7, $8::text || '_debit'), ($2, $5::int, $4::int, $6, $7, $8::text || '_credit')
ON CONFLICT (idempotency_key) DO NOTHING
RETURNING id
"""
_FIRST = """
SELECT d.wallet_id, c.wallet_id, c.amount, d.cached_balance_after, c.cached_balance_after, d.id, c.id
FROM economy_economytransaction d JOIN economy_economytransaction c ON c.idempotency_key = $1::text || '_credit'
WHERE d.idempotency_key = $1::text || '_debit'
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


@dataclass(frozen=True, slots=True)
class _Order:
    """What a caller asks for."""

    sender: int
    receiver: int
    amount: int
    key: str
    reason: str
    note: str


class _KeyUsedError(Exception):
    """The key is in the ledger already: roll back and look at what it was used for."""


class Transfers:
    """Transfers between wallets."""

    def __init__(self, database: Database, faults: Faults) -> None:
        """Work on a database. With the fault `crossing_deadlock` the sender is locked first, whatever its id."""
        self._database = database
        self._lock = _lock_sender_first if faults.has("crossing_deadlock") else _lock_in_order

    def transfer(
        self, from_wallet: int, to_wallet: int, amount: int, key: str, reason: str = "p2p", note: str = ""
    ) -> Transfer:
        """Move `amount` coins once per `key`; the same order with the same key answers the first result.

        Raises Invalid, NotFound, InsufficientFunds, Conflict (another use of the key), Unavailable (retried in vain).
        """
        order = _Order(from_wallet, to_wallet, amount, key, reason, note)
        _check(order)
        for retries in range(TRIES):
            try:
                return self._once(order, retries)
            except _KeyUsedError:
                return self._first(order, retries)
            except (DeadlockDetected, SerializationFailure) as failure:
                last = failure
            time.sleep(PAUSE_S * 2**retries * random.random())  # noqa: S311 - jitter, not a secret
        failed = Unavailable(f"transfer {order.key!r} failed {TRIES} times", code="RETRIES_EXHAUSTED")
        failed.retries, failed.sqlstate = TRIES - 1, last.sqlstate
        raise failed from last

    def _once(self, order: _Order, retries: int) -> Transfer:
        with self._database.transaction() as connection:
            rows = self._lock(connection, order.sender, order.receiver)
            balances = _balances_after(connection, order, rows)
            debit_id, credit_id = _book(connection, order, balances)
        return Transfer(
            order.sender,
            order.receiver,
            order.amount,
            *balances,
            debit_id,
            credit_id,
            order.key,
            retries=retries,
        )

    def _first(self, order: _Order, retries: int) -> Transfer:
        with self._database.connection() as connection:
            row = connection.row(_FIRST, order.key)
        if row is None or row[:3] != (order.sender, order.receiver, order.amount):
            raise Conflict(
                f"the key {order.key!r} was used for another transfer", code="IDEMPOTENCY_CONFLICT"
            )
        return Transfer(*row, key=order.key, replayed=True, retries=retries)  # type: ignore[misc]  # row has 7 columns


def _lock_in_order(connection: Connection, sender: int, receiver: int) -> list[Row]:
    return connection.run(_LOCK, sender, receiver)


def _lock_sender_first(connection: Connection, sender: int, receiver: int) -> list[Row]:
    """Do it wrong, and as slowly as the real platform: two crossing transfers each hold what the other wants."""
    rows = connection.run(_LOCK_ONE, sender)
    time.sleep(CROSSING_GAP_S)
    return rows + connection.run(_LOCK_ONE, receiver)


def _balances_after(connection: Connection, order: _Order, rows: list[Row]) -> tuple[int, int]:
    """Return the balances of sender and receiver after the transfer. Raises NotFound, InsufficientFunds."""
    wallets = {wallet: (balance, overdraft) for wallet, balance, overdraft in rows}
    for wallet in (order.sender, order.receiver):
        if wallet not in wallets:
            raise NotFound(f"there is no wallet {wallet}")
    balance, overdraft = wallets[order.sender]
    if balance < order.amount and not overdraft:
        # A replay answers as the first time, even where its coins have been spent since.
        if connection.row(_FIRST, order.key) is not None:
            raise _KeyUsedError
        raise InsufficientFunds(f"wallet {order.sender} holds {balance}, less than {order.amount}")
    received = wallets[order.receiver][0] + order.amount
    if received > MAX_AMOUNT:
        raise Invalid(f"wallet {order.receiver} cannot hold more than {MAX_AMOUNT}")
    return balance - order.amount, received


def _book(connection: Connection, order: _Order, balances: tuple[int, int]) -> tuple[int, int]:
    """Write both balances and both ledger rows; return the ids of debit and credit. Raises _KeyUsedError."""
    connection.run(_BOOK, order.sender, order.receiver, *balances)
    written = order.sender, order.receiver, *balances, order.amount, order.reason, order.note, order.key
    ids = connection.run(_WRITE, *written)
    if not ids:
        raise _KeyUsedError
    return ids[0][0], ids[1][0]


def _check(order: _Order) -> None:
    if order.sender == order.receiver:
        raise Invalid(f"wallet {order.sender} cannot send coins to itself")
    if not 0 < order.amount <= MAX_AMOUNT:
        raise Invalid(f"the amount must be from 1 to {MAX_AMOUNT}, not {order.amount}")
    if not 0 < len(order.key) <= MAX_KEY:
        raise Invalid(f"an idempotency key has 1 to {MAX_KEY} characters, not {len(order.key)}")

"""How long migrations may take; apart from what works with them, so that a command can name them at once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a migration may take, and how long it may wait before it begins."""

    deadline_s: float = 1800.0  # one statement; then it is cancelled
    wait_s: float = 30.0  # for another runner on the table, for old transactions, for a server that went away
    old_transaction_s: float = 5.0  # a transaction is old from this age on
    attempts: int = 3

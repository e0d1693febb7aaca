"""Reading back: a wallet's ledger and a reference's moderation actions, newest first, page by page."""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from reference.database import Database
from reference.errors import Invalid

T = TypeVar("T")

# The id decides between rows of one instant: without it a page could repeat or lose a row of the page before.
_WALLET = """
SELECT id, created, amount, cached_balance_after, reason, note FROM economy_economytransaction
WHERE wallet_id = $1 AND ($2::timestamptz IS NULL OR (created, id) < ($2, $3))
ORDER BY created DESC, id DESC LIMIT $4
"""
_MODERATION = """
SELECT id, created, event, actor_id, meta FROM support_moderationaction
WHERE ref_id = $1 AND ($2::timestamptz IS NULL OR (created, id) < ($2, $3))
ORDER BY created DESC, id DESC LIMIT $4
"""
# The pages of the platform's own screens; the migrations prove their plans with the same limits.
WALLET_PAGE, MODERATION_PAGE, MOST = 50, 100, 500


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A row of a wallet's ledger."""

    id: int
    created: datetime
    amount: int
    balance_after: int
    reason: str
    note: str


@dataclass(frozen=True, slots=True)
class ModerationAction:
    """A row of a moderation history."""

    id: int
    created: datetime
    event: str
    actor_id: int | None
    meta: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Rows, newest first, and the cursor of the next page, or None on the last one."""

    rows: tuple[T, ...]
    next_cursor: str | None


class Histories:
    """The platform's two read queries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def wallet(
        self, wallet_id: int, cursor: str | None = None, limit: int = WALLET_PAGE
    ) -> "Page[LedgerEntry]":
        """Return a page of a wallet's ledger; empty for an unknown one. Raises Invalid for a cursor not ours."""
        rows = self._rows(_WALLET, wallet_id, cursor, limit)
        return Page(tuple(LedgerEntry(*row) for row in rows[:limit]), _next_cursor(rows, limit))

    def moderation(
        self, ref_id: str, cursor: str | None = None, limit: int = MODERATION_PAGE
    ) -> "Page[ModerationAction]":
        """Return a page of the actions on a reference such as TRN-2025-001; empty for an unknown one."""
        rows = self._rows(_MODERATION, ref_id, cursor, limit)
        return Page(tuple(ModerationAction(*row) for row in rows[:limit]), _next_cursor(rows, limit))

    def _rows(self, query: str, of: int | str, cursor: str | None, limit: int) -> list[tuple[Any, ...]]:
        if not 0 < limit <= MOST:
            raise Invalid(f"a page has 1 to {MOST} rows, not {limit}")
        created, last_id = _position(cursor) if cursor else (None, None)
        # One row more than asked tells whether there is a next page.
        with self._database.connection() as connection:
            return connection.run(query, of, created, last_id, limit + 1)


def _next_cursor(rows: list[tuple[Any, ...]], limit: int) -> str | None:
    if len(rows) <= limit:
        return None
    last_id, created = rows[limit - 1][:2]
    return base64.urlsafe_b64encode(json.dumps([created.isoformat(), last_id]).encode()).decode()


def _position(cursor: str) -> tuple[datetime, int]:
    try:
        created, last_id = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
        return datetime.fromisoformat(created), int(last_id)
    except (ValueError, TypeError, binascii.Error):
        raise Invalid("the cursor is unknown: take `next_cursor` of the page before") from None

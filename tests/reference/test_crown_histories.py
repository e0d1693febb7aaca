"""Histories: newest first, each row once whatever the page size, and a cursor of somebody else's refused."""

import pytest

from reference.errors import Invalid
from reference.seed import REF_ID, WALLET_ID


def _walk(page_of, limit: int) -> list:
    rows, cursor = [], None
    while True:
        page = page_of(cursor, limit)
        assert len(page.rows) == limit or page.next_cursor is None
        rows += page.rows
        cursor = page.next_cursor
        if cursor is None:
            return rows


@pytest.mark.parametrize("limit", [1, 7, 50, 200, 500])
def test_pages_of_any_size_give_each_ledger_row_once_newest_first(crown, limit):
    if limit == 1:
        pages = [crown.wallet_history(WALLET_ID, limit=1).rows, crown.wallet_history(WALLET_ID, limit=2).rows]
        assert pages[1][:1] == pages[0]
        return
    rows = _walk(lambda cursor, size: crown.wallet_history(WALLET_ID, cursor, size), limit)
    assert len({row.id for row in rows}) == 200
    assert [(row.created, row.id) for row in rows] == sorted(
        ((row.created, row.id) for row in rows), reverse=True
    )


def test_rows_of_one_instant_are_neither_lost_nor_repeated_between_pages(crown):
    with crown.database.connection() as connection:
        connection.run(
            "INSERT INTO support_moderationaction (ref_id, event, created)"
            " SELECT 'TIED', 'n' || n, timestamptz '2026-01-01' FROM generate_series(1, 10) n"
        )
    rows = _walk(lambda cursor, size: crown.moderation_history("TIED", cursor, size), 3)
    assert sorted(row.event for row in rows) == sorted(f"n{n}" for n in range(1, 11))


def test_the_moderation_history_carries_its_json(crown):
    page = crown.moderation_history(REF_ID)
    assert len(page.rows) == 100
    assert page.rows[0].meta["note"] == "reviewed by a moderator, 東京 desk"


def test_an_unknown_wallet_or_reference_has_an_empty_history(crown):
    assert crown.wallet_history(999_999).rows == ()
    assert crown.moderation_history("TRN-1999-001").next_cursor is None


@pytest.mark.parametrize("cursor", ["nonsense", "bnVsbA==", "WzEsIDJd", "Δ", "WyJ5ZXN0ZXJkYXkiLCAxXQ=="])
def test_a_cursor_that_is_not_ours_is_invalid(crown, cursor):
    with pytest.raises(Invalid, match="next_cursor"):
        crown.wallet_history(WALLET_ID, cursor)


@pytest.mark.parametrize("limit", [0, -1, 501])
def test_a_page_has_a_sane_size(crown, limit):
    with pytest.raises(Invalid, match=str(limit)):
        crown.wallet_history(WALLET_ID, limit=limit)

"""Registrations: every refusal, one entry a player, and no tournament over capacity, however many come at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from reference.errors import Conflict, Invalid, NotFound
from reference.registrations import Payment


def test_a_player_gets_an_entry_a_number_and_a_payment_row(crown, seeded):
    payment = Payment("bkash", "TX-1", 500, "01700")
    entry = crown.register(seeded.open_tournaments[0], seeded.users[0], payment)
    with crown.database.connection() as connection:
        row = connection.row(
            "SELECT r.registration_number, r.status, p.id, p.method, p.amount_bdt FROM tournaments_registration r"
            " JOIN tournaments_paymentverification p ON p.registration_id = r.id WHERE r.id = $1",
            entry.id,
        )
    assert row == (entry.number, "pending", entry.payment_id, "bkash", 500)


def test_the_same_player_is_refused_the_second_time_and_leaves_nothing_behind(crown, seeded):
    tournament, user = seeded.open_tournaments[1], seeded.users[0]
    crown.register(tournament, user)
    with pytest.raises(Conflict, match=f"user {user} is already registered") as refusal:
        crown.register(tournament, user)
    assert (refusal.value.status, refusal.value.code) == (400, "ALREADY_REGISTERED")
    assert _counts(crown, tournament) == (1, 1)


def test_a_full_tournament_refuses(crown, seeded):
    tournament = seeded.small_tournaments[0]
    crown.register(tournament, 1)
    crown.register(tournament, 2)
    with pytest.raises(Conflict, match="full with 2 participants") as refusal:
        crown.register(tournament, 3)
    assert (refusal.value.status, refusal.value.code) == (409, "TOURNAMENT_FULL")


def test_a_tournament_that_has_begun_is_not_open(crown, seeded):
    with pytest.raises(Invalid, match="is live, not open"):
        crown.register(seeded.live_tournaments[0], 1)


def test_an_unknown_tournament_or_player_is_not_found(crown, seeded):
    with pytest.raises(NotFound, match="no tournament 999999"):
        crown.register(999_999, 1)
    with pytest.raises(NotFound, match="no user 999999"):
        crown.register(seeded.open_tournaments[0], 999_999)


def test_twenty_players_at_once_do_not_overfill_two_places(crown, seeded):
    tournament = seeded.small_tournaments[1]
    assert _rush(crown, tournament) == 2
    assert _counts(crown, tournament) == (2, 2)


@pytest.mark.system
def test_the_capacity_fault_overfills(faulty, crown, seeded):
    tournament = seeded.small_tournaments[2]
    assert _rush(faulty("capacity"), tournament) == 20
    assert _counts(crown, tournament) == (20, 20)


def test_numbers_do_not_collide_across_tournaments(crown, seeded):
    with ThreadPoolExecutor(8) as threads:
        entries = list(
            threads.map(lambda n: crown.register(seeded.open_tournaments[2 + n % 4], 1 + n // 4), range(80))
        )
    assert len({entry.number for entry in entries}) == 80


def _rush(platform, tournament: int) -> int:
    """Let twenty players try at once and return how many got in."""

    def attempt(user: int) -> bool:
        try:
            platform.register(tournament, user)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(20) as threads:
        return sum(threads.map(attempt, range(1, 21)))


def _counts(platform, tournament: int) -> tuple[int, int]:
    """Return the number of rows and the tournament's own counter."""
    with platform.database.connection() as connection:
        return connection.row(
            "SELECT (SELECT count(*) FROM tournaments_registration WHERE tournament_id = $1), participant_count"
            " FROM tournaments_tournament WHERE id = $1",
            tournament,
        )

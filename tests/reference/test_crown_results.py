"""Results: one winner of each version, a clean refusal for everyone else, and the event only after the commit."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from reference.errors import Conflict, Forbidden, Invalid, NotFound


@pytest.fixture
def match(seeded, fresh):
    """A match that no other test touched, with its first player."""
    match_id = seeded.matches[1 + next(fresh)]  # the first one's player is staff
    return match_id, seeded.participants(match_id)[0]


def test_a_result_moves_the_match_to_its_next_version_with_an_audit_row(crown, match):
    match_id, player = match
    result = crown.submit_result(match_id, player, 3, 1, version=1)
    assert (result.version, result.state, result.winner_id) == (2, "pending_result", player)
    assert _audit(crown, match_id) == [("result_submitted", player, 1)]


def test_a_result_may_be_submitted_again_on_top_of_the_last_one(crown, match):
    match_id, player = match
    first = crown.submit_result(match_id, player, 3, 1)
    second = crown.submit_result(match_id, player, 0, 2, version=first.version)
    assert (second.version, second.winner_id, second.loser_id) == (3, player + 1, player)


def test_a_stale_version_is_a_conflict_that_names_the_present_one_and_changes_nothing(crown, match):
    match_id, player = match
    crown.submit_result(match_id, player, 3, 1, version=1)
    with pytest.raises(Conflict, match=f"match {match_id} is at version 2, not 1") as refusal:
        crown.submit_result(match_id, player, 1, 3, version=1)
    assert (refusal.value.status, refusal.value.code, refusal.value.details) == (
        409,
        "STALE_VERSION",
        {"version": 2},
    )
    assert len(_audit(crown, match_id)) == 1


@pytest.mark.parametrize(("one", "two"), [(1, 1), (-1, 2), (2, -1)])
def test_a_tie_and_a_negative_score_are_invalid(crown, match, one, two):
    with pytest.raises(Invalid):
        crown.submit_result(*match, one, two)


def test_a_stranger_may_not_submit(crown, match):
    with pytest.raises(Forbidden, match="does not play"):
        crown.submit_result(match[0], 1 + (match[1] + 50) % 200, 2, 1)


def test_an_unknown_match_is_not_found(crown):
    with pytest.raises(NotFound, match="no match 999999"):
        crown.submit_result(999_999, 1, 2, 1)


def test_the_opponent_confirms_and_then_nothing_more_is_taken(crown, match):
    match_id, player = match
    crown.submit_result(match_id, player, 2, 1)
    with pytest.raises(Forbidden, match="may not confirm"):
        crown.confirm_result(match_id, player)
    confirmed = crown.confirm_result(match_id, player + 1)
    assert (confirmed.state, confirmed.version) == ("completed", 3)
    with pytest.raises(Conflict, match="is completed") as refusal:
        crown.submit_result(match_id, player, 2, 1)
    assert refusal.value.code == "WRONG_STATE"
    with pytest.raises(Conflict, match="not pending_result"):
        crown.confirm_result(match_id, player + 1)


def test_an_organiser_may_confirm(crown, match):
    match_id, player = match
    crown.submit_result(match_id, player, 2, 1)
    assert crown.confirm_result(match_id, 1).state == "completed"  # user 1 organises and is staff


def test_of_eight_submissions_of_one_version_one_wins(crown, match):
    assert _rush(crown, match) == 1
    assert _audit(crown, match[0]) == [("result_submitted", match[1], 1)]


def test_with_the_state_guard_lost_several_win_the_same_change(faulty, crown, match):
    assert _rush(faulty("state_guard"), match) == 8
    assert [from_version for _, _, from_version in _audit(crown, match[0])] == [1] * 8


@pytest.mark.parametrize(("faults", "seen"), [("", 2), ("event_before_commit", 1)])
def test_the_event_follows_the_commit_unless_the_fault_is_on(faulty, crown, match, monkeypatch, faults, seen):
    match_id, player = match
    versions = []
    platform = faulty(faults)

    def look(_tournament_id, event):
        assert (event["type"], event["data"]["match_id"]) == ("score_updated", match_id)
        with crown.database.connection() as connection:
            versions.append(
                connection.row("SELECT version FROM tournament_engine_match_match WHERE id = $1", match_id)[0]
            )

    monkeypatch.setattr(platform.hub, "subscribers", lambda _tournament_id: 1)
    monkeypatch.setattr(platform, "_publish", look)
    platform.submit_result(match_id, player, 2, 1)
    assert versions == [seen]


def _rush(platform, match: tuple[int, int]) -> int:
    """Let eight submit the same version at once and return how many were accepted."""

    def attempt(score: int) -> bool:
        try:
            platform.submit_result(*match, score, 0, version=1)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        return sum(threads.map(attempt, range(1, 9)))


def _audit(platform, match_id: int) -> list[tuple[str, int, int]]:
    with platform.database.connection() as connection:
        return connection.run(
            "SELECT action, user_id, from_version FROM tournaments_auditlog WHERE match_id = $1 ORDER BY id",
            match_id,
        )

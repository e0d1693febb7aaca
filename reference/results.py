"""Match results: one-row updates under a version, each with its audit row."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from reference.connection import Connection, Row
from reference.database import Database
from reference.errors import Conflict, Forbidden, Invalid, NotFound, PlatformError
from reference.faults import EARLY_EVENT_GAP_S, Faults

ACCEPTING = ("live", "pending_result")
_COLUMNS = """
id, tournament_id, state, participant1_score, participant2_score, winner_id, loser_id,
submitted_by_id, version, updated_at
"""
_GUARD = "AND state IN ('live', 'pending_result') AND version = coalesce($5::int, version)"
_FROM_VERSION = "version - 1"

# One statement, so one round trip and no lock held while a client thinks: the row moves on from a version, and its
# audit row says from which.
_SUBMIT = f"""
WITH moved AS (
    UPDATE tournament_engine_match_match SET
        participant1_score = $3::int, participant2_score = $4::int, state = 'pending_result',
        winner_id = CASE WHEN $3 > $4 THEN participant1_id ELSE participant2_id END,
        loser_id = CASE WHEN $3 > $4 THEN participant2_id ELSE participant1_id END,
        submitted_by_id = $2, version = version + 1, updated_at = clock_timestamp()
    WHERE id = $1::bigint AND $2::int IN (participant1_id, participant2_id) {_GUARD}
    RETURNING {_COLUMNS}
), audited AS (
    INSERT INTO tournaments_auditlog (user_id, action, tournament_id, match_id, from_version)
    SELECT $2, 'result_submitted', tournament_id, id, {_FROM_VERSION} FROM moved
)
SELECT * FROM moved
"""
# The defect of the state guard: neither the state nor the version is looked at, and two may win the same change.
_SUBMIT_UNGUARDED = _SUBMIT.replace(_GUARD, "").replace(_FROM_VERSION, f"coalesce($5::int, {_FROM_VERSION})")

_CONFIRM = f"""
WITH moved AS (
    UPDATE tournament_engine_match_match SET
        state = 'completed', completed_at = clock_timestamp(), version = version + 1, updated_at = clock_timestamp()
    WHERE id = $1 AND state = 'pending_result' AND version = $3
    RETURNING {_COLUMNS}
), audited AS (
    INSERT INTO tournaments_auditlog (user_id, action, tournament_id, match_id, from_version)
    SELECT $2, 'result_confirmed', tournament_id, id, {_FROM_VERSION} FROM moved
)
SELECT * FROM moved
"""
_FIND = """
SELECT state, version, participant1_id, participant2_id, submitted_by_id
FROM tournament_engine_match_match WHERE id = $1
"""
_MAY_CONFIRM = """
SELECT FROM accounts_user u WHERE u.id = $2 AND (u.is_staff OR EXISTS (
    SELECT FROM tournament_engine_match_match m JOIN tournaments_tournament t ON t.id = m.tournament_id
    WHERE m.id = $1 AND t.organizer_id = u.id))
"""


@dataclass(frozen=True, slots=True)
class MatchResult:
    """A match after a change. `version` is what the next submission must state."""

    id: int
    tournament_id: int
    state: str
    participant1_score: int
    participant2_score: int
    winner_id: int | None
    loser_id: int | None
    submitted_by: int | None
    version: int
    updated_at: datetime


class Results:
    """Takes results of matches and announces each submission."""

    def __init__(self, database: Database, faults: Faults, announce: Callable[[MatchResult], None]) -> None:
        """Work on a database; `announce` is called once a submission is committed."""
        self._database = database
        self._announce = announce
        self._statement = _SUBMIT_UNGUARDED if faults.has("state_guard") else _SUBMIT
        self._early = faults.has("event_before_commit")
        # Around the row alone: waiting for the event includes waiting for a slow row.
        self._submit = faults.around("result_submission", self._submit_row)

    def submit(
        self, match_id: int, user_id: int, score1: int, score2: int, version: int | None = None
    ) -> MatchResult:
        """Submit a result as a participant, on top of `version` where given.

        Raises Invalid (tie, negative), NotFound, Forbidden, Conflict (stale version or wrong state).
        """
        _check_scores(score1, score2)
        if self._early:
            return self._submit_early(match_id, user_id, score1, score2, version)
        with self._database.connection() as connection:
            result = self._submit(connection, match_id, user_id, score1, score2, version)
        self._announce(result)
        return result

    def confirm(self, match_id: int, user_id: int) -> MatchResult:
        """Complete a match as the opponent of who submitted, the organiser or staff. Announces nothing itself."""
        with self._database.connection() as connection:
            state, version, *players, submitter = _find(connection, match_id)
            opponent = user_id in players and user_id != submitter
            if not opponent and not connection.run(_MAY_CONFIRM, match_id, user_id):
                raise Forbidden(
                    f"user {user_id} may not confirm match {match_id}: only the opponent, organiser or staff may"
                )
            if state != "pending_result":
                raise Conflict(
                    f"match {match_id} is {state}, not pending_result", code="WRONG_STATE", status=400
                )
            row = connection.row(_CONFIRM, match_id, user_id, version)
            if row is None:
                raise _stale(match_id, version + 1, version)
            return MatchResult(*row)

    def _submit_row(
        self,
        connection: Connection,
        match_id: int,
        user_id: int,
        score1: int,
        score2: int,
        version: int | None,
    ) -> MatchResult:
        row = connection.row(self._statement, match_id, user_id, score1, score2, version)
        if row is None:
            raise _refusal(connection, match_id, user_id, version)
        return MatchResult(*row)

    def _submit_early(
        self, match_id: int, user_id: int, score1: int, score2: int, version: int | None
    ) -> MatchResult:
        """Do it wrong: tell the room before the row is committed."""
        with self._database.transaction() as connection:
            result = self._submit(connection, match_id, user_id, score1, score2, version)
            self._announce(result)
            time.sleep(EARLY_EVENT_GAP_S)
        return result


def _refusal(connection: Connection, match_id: int, user_id: int, version: int | None) -> PlatformError:
    """Find out why no row moved. Only the loser pays for this second look."""
    state, current, *players, _ = _find(connection, match_id)
    if user_id not in players:
        return Forbidden(f"user {user_id} does not play match {match_id}")
    if state not in ACCEPTING:
        return Conflict(f"match {match_id} is {state} and takes no result", code="WRONG_STATE", status=400)
    return _stale(match_id, current, version)


def _stale(match_id: int, current: int, version: int | None) -> Conflict:
    message = f"match {match_id} is at version {current}, not {version}"
    return Conflict(message, code="STALE_VERSION", details={"version": current})


def _find(connection: Connection, match_id: int) -> Row:
    row = connection.row(_FIND, match_id)
    if row is None:
        raise NotFound(f"there is no match {match_id}")
    return row


def _check_scores(score1: int, score2: int) -> None:
    if score1 < 0 or score2 < 0:
        raise Invalid(f"a score is at least 0: {score1}:{score2}")
    if score1 == score2:
        raise Invalid(f"a result cannot be a tie: {score1}:{score2}")

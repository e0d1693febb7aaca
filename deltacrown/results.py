"""Match results: one-row updates under a version, each with its audit row."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deltacrown.database import Connection, Database
from deltacrown.errors import Conflict, Forbidden, Invalid, NotFound, PlatformError
from deltacrown.faults import EARLY_EVENT_GAP_S, Faults

ACCEPTING = ("live", "pending_result")
_COLUMNS = """
id, tournament_id, state, participant1_score, participant2_score, winner_id, loser_id,
submitted_by_id, version, updated_at
"""

# One statement, so one round trip and one snapshot: the row moves on from a version and its audit row says from which.
_SUBMIT = f"""
WITH moved AS (
    UPDATE tournament_engine_match_match SET
        participant1_score = %(score1)s, participant2_score = %(score2)s, state = 'pending_result',
        winner_id = CASE WHEN %(score1)s > %(score2)s THEN participant1_id ELSE participant2_id END,
        loser_id = CASE WHEN %(score1)s > %(score2)s THEN participant2_id ELSE participant1_id END,
        submitted_by_id = %(user)s, version = version + 1, updated_at = clock_timestamp()
    WHERE id = %(match)s AND %(user)s IN (participant1_id, participant2_id)
        AND state IN ('live', 'pending_result') AND version = coalesce(%(version)s, version)
    RETURNING {_COLUMNS}
), audited AS (
    INSERT INTO tournaments_auditlog (user_id, action, tournament_id, match_id, from_version)
    SELECT %(user)s, 'result_submitted', tournament_id, id, version - 1 FROM moved
)
SELECT * FROM moved
"""
# The defect of the state guard: neither the state nor the version is looked at, and two may win the same change.
_SUBMIT_UNGUARDED = _SUBMIT.replace(
    "AND state IN ('live', 'pending_result') AND version = coalesce(%(version)s, version)", ""
).replace("version - 1 FROM moved", "coalesce(%(version)s, version - 1) FROM moved")

_CONFIRM = f"""
WITH moved AS (
    UPDATE tournament_engine_match_match SET
        state = 'completed', completed_at = clock_timestamp(), version = version + 1, updated_at = clock_timestamp()
    WHERE id = %(match)s AND state = 'pending_result' AND version = %(version)s
    RETURNING {_COLUMNS}
), audited AS (
    INSERT INTO tournaments_auditlog (user_id, action, tournament_id, match_id, from_version)
    SELECT %(user)s, 'result_confirmed', tournament_id, id, version - 1 FROM moved
)
SELECT * FROM moved
"""
_FIND = """
SELECT state, version, participant1_id, participant2_id, submitted_by_id
FROM tournament_engine_match_match WHERE id = %s
"""
_MAY_CONFIRM = """
SELECT is_staff OR EXISTS (
    SELECT FROM tournament_engine_match_match m JOIN tournaments_tournament t ON t.id = m.tournament_id
    WHERE m.id = %(match)s AND t.organizer_id = u.id)
FROM accounts_user u WHERE u.id = %(user)s
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


Announce = Callable[[MatchResult], None]


class Results:
    """Takes results of matches and announces each one that is committed."""

    def __init__(self, database: Database, faults: Faults, announce: Announce) -> None:
        """Work on a database; `announce` is called once a submission is committed."""
        self._database = database
        self._announce = announce
        self._statement = _SUBMIT_UNGUARDED if faults.has("state_guard") else _SUBMIT
        self._early = faults.has("event_before_commit")

    def submit(
        self, match_id: int, user_id: int, score1: int, score2: int, version: int | None = None
    ) -> MatchResult:
        """Submit a result as a participant, on top of `version` where given.

        Raises Invalid (tie, negative), NotFound, Forbidden, Conflict (stale version or wrong state).
        """
        _check_scores(score1, score2)
        values = {"match": match_id, "user": user_id, "score1": score1, "score2": score2, "version": version}
        if self._early:
            return self._submit_early(values)
        with self._database.connection() as connection:
            result = _change(connection, self._statement, values)
        self._announce(result)
        return result

    def confirm(self, match_id: int, user_id: int) -> MatchResult:
        """Complete a match as the opponent of who submitted, the organiser or staff. Announces nothing itself."""
        with self._database.connection() as connection:
            state, version, *players, submitter = _find(connection, match_id)
            opponent = user_id in players and user_id != submitter
            if not opponent and not _may_confirm(connection, match_id, user_id):
                raise Forbidden(
                    f"user {user_id} may not confirm match {match_id}: only the opponent, organiser or staff may"
                )
            if state != "pending_result":
                raise Conflict(
                    f"match {match_id} is {state}, not pending_result", code="WRONG_STATE", status=400
                )
            return _change(connection, _CONFIRM, {"match": match_id, "user": user_id, "version": version})

    def _submit_early(self, values: dict[str, Any]) -> MatchResult:
        """Do it wrong: tell the room before the row is committed."""
        with self._database.transaction() as connection:
            result = _change(connection, self._statement, values)
            self._announce(result)
            time.sleep(EARLY_EVENT_GAP_S)
        return result


def _change(connection: Connection, statement: str, values: dict[str, Any]) -> MatchResult:
    row = connection.execute(statement.encode(), values).fetchone()
    if row is None:
        raise _refusal(connection, values)
    return MatchResult(*row)


def _refusal(connection: Connection, values: dict[str, Any]) -> PlatformError:
    """Find out why no row moved. Only the loser pays for this second look."""
    match_id, user_id, version = values["match"], values["user"], values["version"]
    state, current, *players, _ = _find(connection, match_id)
    if "score1" in values and user_id not in players:
        return Forbidden(f"user {user_id} does not play match {match_id}")
    if state not in ACCEPTING:
        return Conflict(f"match {match_id} is {state} and takes no result", code="WRONG_STATE", status=400)
    return Conflict(
        f"match {match_id} is at version {current}, not {version}",
        code="STALE_VERSION",
        details={"version": current},
    )


def _find(connection: Connection, match_id: int) -> tuple[Any, ...]:
    row = connection.execute(_FIND, (match_id,)).fetchone()
    if row is None:
        raise NotFound(f"there is no match {match_id}")
    return row


def _may_confirm(connection: Connection, match_id: int, user_id: int) -> bool:
    row = connection.execute(_MAY_CONFIRM, {"match": match_id, "user": user_id}).fetchone()
    return row is not None and bool(row[0])


def _check_scores(score1: int, score2: int) -> None:
    if score1 < 0 or score2 < 0:
        raise Invalid(f"a score is at least 0: {score1}:{score2}")
    if score1 == score2:
        raise Invalid(f"a result cannot be a tie: {score1}:{score2}")

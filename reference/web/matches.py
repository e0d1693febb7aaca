"""Matches: the older result endpoint, with scores seen from the caller's side, idempotent by header, and no broadcast.

Unlike the real platform's, that lets only one of several concurrent submissions leave the state `live`.
"""

from typing import Any

from reference.connection import Row
from reference.errors import Conflict, Forbidden, NotFound
from reference.platform import DeltaCrown
from reference.web.fields import BOOLEAN, INTEGER, INTEGER_OR_NULL, SCORE, STRING, TIME, text
from reference.web.operation import Call, Operation, Reply, object_of

_SHOWN = (
    "id", "tournament_id", "round_number", "match_number", "state", "version", "winner_id", "participant1_id",
    "participant1_name", "participant1_score", "participant2_id", "participant2_name", "participant2_score",
)  # fmt: skip
_COLUMNS = ", ".join(f"m.{name}" for name in _SHOWN) + ", m.lobby_info -> 'last_key' ->> 0 AS last_key"
_GUARD = "AND state = 'live'"
# One statement under one row lock. The key of the last submission is kept with the row it protects.
# $1 match, $2 user, $3 the user's own score, $4 the other's, $5 key
_SUBMIT = f"""
WITH side AS (
    SELECT id, CASE $2::bigint WHEN participant1_id THEN $3::int ELSE $4::int END AS score1,
           CASE $2::bigint WHEN participant1_id THEN $4::int ELSE $3::int END AS score2
    FROM tournament_engine_match_match WHERE id = $1 AND $2 IN (participant1_id, participant2_id)
)
UPDATE tournament_engine_match_match m SET
    participant1_score = score1, participant2_score = score2, state = 'pending_result',
    winner_id = CASE WHEN score1 > score2 THEN participant1_id WHEN score1 < score2 THEN participant2_id END,
    loser_id = CASE WHEN score1 > score2 THEN participant2_id WHEN score1 < score2 THEN participant1_id END,
    submitted_by_id = $2, version = version + 1, updated_at = clock_timestamp(),
    lobby_info = lobby_info || jsonb_build_object('last_key', jsonb_build_array($5::text, 'submit_result'))
FROM side WHERE m.id = side.id {_GUARD}
RETURNING {_COLUMNS}
"""
# The defect of the state guard: of several submissions at once, each may leave the state `live`.
_SUBMIT_UNGUARDED = _SUBMIT.replace(_GUARD, "")
_FIND = f"SELECT {_COLUMNS} FROM tournament_engine_match_match m WHERE id = $1"
_READ_SHOWN = (
    "id", "tournament_id", "state", "participant1_score", "participant2_score", "winner_id", "version", "updated_at",
)  # fmt: skip
_READ = f"SELECT {', '.join(_READ_SHOWN)} FROM tournament_engine_match_match WHERE id = $1"
SIDE = object_of({"id": INTEGER_OR_NULL, "name": STRING, "score": INTEGER})


def submit_result(platform: DeltaCrown, call: Call) -> Reply:
    """Take the result, or answer a repeated one as the first time."""
    match_id, user_id = call.path["match_id"], call.user.user_id
    key = call.headers.get("idempotency-key") or None
    statement = _SUBMIT_UNGUARDED if platform.faults.has("state_guard") else _SUBMIT
    with platform.database.connection() as connection:
        own, other = call.body["score"], call.body["opponent_score"]
        row = connection.row(statement, match_id, user_id, own, other, key)
        if row is not None:
            return Reply(200, _shown(row, replayed=False))
        row = connection.row(_FIND, match_id)
    if row is None:
        raise NotFound(f"there is no match {match_id}")
    match = _named(row)
    if user_id not in (match["participant1_id"], match["participant2_id"]):
        raise Forbidden(f"user {user_id} does not play match {match_id}")
    if key is None or key != match["last_key"]:
        raise Conflict(f"match {match_id} is {match['state']}, not live", code="WRONG_STATE")
    return Reply(200, _shown(row, replayed=True))


def read(platform: DeltaCrown, call: Call) -> Reply:
    """The match as committed."""
    with platform.database.connection() as connection:
        row = connection.row(_READ, call.path["match_id"])
    if row is None:
        raise NotFound(f"there is no match {call.path['match_id']}")
    return Reply(200, dict(zip(_READ_SHOWN, row, strict=True)))


def _named(row: Row) -> dict[str, Any]:
    return dict(zip((*_SHOWN, "last_key"), row, strict=True))


def _shown(row: Row, *, replayed: bool) -> dict[str, Any]:
    match = _named(row)
    sides = {
        letter: {name: match[f"participant{number}_{name}"] for name in SIDE["properties"]}
        for letter, number in (("A", 1), ("B", 2))
    }
    plain = {name: match[name] for name in _SHOWN if not name.startswith("participant")}
    return plain | {"sides": sides, "meta": {"idempotent_replay": replayed}}


OPERATIONS = (
    Operation(
        "POST",
        "/api/tournaments/matches/{match_id:int}/submit-result/",
        "Submit a result from the caller's side (older; broadcasts nothing)",
        submit_result,
        (
            200,
            object_of(
                {
                    "id": INTEGER,
                    "tournament_id": INTEGER,
                    "round_number": INTEGER,
                    "match_number": INTEGER,
                    "state": STRING,
                    "winner_id": INTEGER_OR_NULL,
                    "version": INTEGER,
                    "sides": object_of({"A": SIDE, "B": SIDE}),
                    "meta": object_of({"idempotent_replay": BOOLEAN}),
                }
            ),
        ),
        refusals={403: "the caller does not play", 404: "no such match", 409: "not live (WRONG_STATE)"},
        body=object_of({"score": SCORE, "opponent_score": SCORE}, {"evidence": text(500), "notes": {}}),
        request_headers={"Idempotency-Key": text(255, 1)},
    ),
    Operation(
        "GET",
        "/api/tournaments/matches/{match_id:int}/",
        "A match as committed",
        read,
        (
            200,
            object_of(
                {
                    "id": INTEGER,
                    "tournament_id": INTEGER,
                    "state": STRING,
                    "participant1_score": INTEGER,
                    "participant2_score": INTEGER,
                    "winner_id": INTEGER_OR_NULL,
                    "version": INTEGER,
                    "updated_at": TIME,
                }
            ),
        ),
        refusals={404: "no such match"},
        addition=True,
    ),
)

"""The older result endpoint: scores seen from the caller's side, idempotent by header, and no broadcast.

Unlike the real platform's, it lets only one of several concurrent submissions leave the state `live`.
"""

from typing import Any

from deltacrown.database import Connection
from deltacrown.errors import Conflict, Forbidden, NotFound
from deltacrown.platform import DeltaCrown
from deltacrown.web.fields import BOOLEAN, INTEGER, INTEGER_OR_NULL, SCORE, STRING, text
from deltacrown.web.operation import Call, Operation, Reply, object_of

_COLUMNS = """
id, tournament_id, round_number, match_number, state, version, winner_id, participant1_id, participant1_name,
participant1_score, participant2_id, participant2_name, participant2_score, lobby_info -> 'last_key' ->> 0 AS last_key
"""
# One statement under one row lock. The key of the last submission is kept with the row it protects.
_SUBMIT = f"""
WITH side AS (
    SELECT id, CASE %(user)s WHEN participant1_id THEN %(own)s ELSE %(other)s END AS score1,
           CASE %(user)s WHEN participant1_id THEN %(other)s ELSE %(own)s END AS score2
    FROM tournament_engine_match_match WHERE id = %(match)s AND %(user)s IN (participant1_id, participant2_id)
)
UPDATE tournament_engine_match_match m SET
    participant1_score = score1, participant2_score = score2, state = 'pending_result',
    winner_id = CASE WHEN score1 > score2 THEN participant1_id WHEN score1 < score2 THEN participant2_id END,
    loser_id = CASE WHEN score1 > score2 THEN participant2_id WHEN score1 < score2 THEN participant1_id END,
    submitted_by_id = %(user)s, version = version + 1, updated_at = clock_timestamp(),
    lobby_info = lobby_info || jsonb_build_object('last_key', jsonb_build_array(%(key)s::text, 'submit_result'))
FROM side WHERE m.id = side.id AND state = 'live'
RETURNING m.{_COLUMNS.strip()}
"""
_FIND = f"SELECT {_COLUMNS} FROM tournament_engine_match_match WHERE id = %(match)s"
SIDE = object_of({"id": INTEGER_OR_NULL, "name": STRING, "score": INTEGER})


def submit_result(platform: DeltaCrown, call: Call) -> Reply:
    """Take the result, or answer a repeated one as the first time."""
    values = {
        "match": call.path["match_id"],
        "user": call.user.user_id,
        "own": call.body["score"],
        "other": call.body["opponent_score"],
        "key": call.headers.get("idempotency-key") or None,
    }
    with platform.database.connection() as connection:
        row = _one(connection, _SUBMIT, values)
        if row is not None:
            return Reply(200, _shown(row, replayed=False))
        row = _one(connection, _FIND, values)
    if row is None:
        raise NotFound(f"there is no match {values['match']}")
    if values["user"] not in (row["participant1_id"], row["participant2_id"]):
        raise Forbidden(f"user {values['user']} does not play match {values['match']}")
    if values["key"] is None or values["key"] != row["last_key"]:
        raise Conflict(f"match {values['match']} is {row['state']}, not live", code="WRONG_STATE")
    return Reply(200, _shown(row, replayed=True))


def _one(connection: Connection, statement: str, values: dict[str, Any]) -> dict[str, Any] | None:
    cursor = connection.execute(statement.encode(), values)
    row = cursor.fetchone()
    names = [column.name for column in cursor.description or ()]
    return None if row is None else dict(zip(names, row, strict=True))


def _shown(row: dict[str, Any], *, replayed: bool) -> dict[str, Any]:
    sides = {
        letter: {name: row[f"participant{number}_{name}"] for name in SIDE["properties"]}
        for letter, number in (("A", 1), ("B", 2))
    }
    plain = ("id", "tournament_id", "round_number", "match_number", "state", "winner_id", "version")
    return {name: row[name] for name in plain} | {"sides": sides, "meta": {"idempotent_replay": replayed}}


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
)

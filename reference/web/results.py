"""Match results over HTTP: the endpoints that lock, audit and broadcast."""

from reference.errors import Invalid
from reference.platform import DeltaCrown
from reference.results import MatchResult
from reference.web.fields import INTEGER, INTEGER_OR_NULL, SCORE, STRING, TIME, listed, text
from reference.web.operation import Call, Operation, Reply, Schema, object_of

RESULT = object_of(
    {
        "id": INTEGER,
        "state": STRING,
        "participant1_score": INTEGER,
        "participant2_score": INTEGER,
        "winner_id": INTEGER_OR_NULL,
        "loser_id": INTEGER_OR_NULL,
        "submitted_by": INTEGER_OR_NULL,
        "message": STRING,
        "version": INTEGER,
        "updated_at": TIME,
    }
)
GAME: Schema = object_of({"participant1_score": SCORE, "participant2_score": SCORE})
MOST_GAMES = 99  # no match has more maps; bounds what a client can make us read
REFUSALS = {403: "not this user's to do", 404: "no such match"}


def submit_result(platform: DeltaCrown, call: Call) -> Reply:
    """Take the result from a participant."""
    body = call.body
    _check_games(body)
    result = platform.submit_result(
        call.path["match_id"],
        call.user.user_id,
        body["participant1_score"],
        body["participant2_score"],
        body.get("version"),
    )
    return Reply(200, _shown(result, "Result submitted; the opponent may confirm it"))


def confirm_result(platform: DeltaCrown, call: Call) -> Reply:
    """Complete the match."""
    result = platform.confirm_result(call.path["match_id"], call.user.user_id)
    return Reply(200, _shown(result, "Result confirmed"))


def _check_games(body: dict[str, object]) -> None:
    """Raise Invalid where the maps' winners do not add up to the score."""
    games = body.get("game_scores")
    if not isinstance(games, list) or not games:
        return
    wins = [
        sum(game["participant1_score"] > game["participant2_score"] for game in games),
        sum(game["participant1_score"] < game["participant2_score"] for game in games),
    ]
    if wins != [body["participant1_score"], body["participant2_score"]]:
        raise Invalid(f"game_scores: the maps give {wins[0]}:{wins[1]}, which is not the score stated")


def _shown(result: MatchResult, message: str) -> dict[str, object]:
    return {name: getattr(result, name, None) for name in RESULT["properties"]} | {"message": message}


OPERATIONS = (
    Operation(
        "POST",
        "/api/tournaments/results/{match_id:int}/submit-result/",
        "Submit a result; subscribers get score_updated",
        submit_result,
        (200, RESULT),
        refusals={
            **REFUSALS,
            400: "a wrong field, a tie, or a match that takes no result (WRONG_STATE)",
            409: "somebody else changed the match first (STALE_VERSION)",
        },
        body=object_of(
            {"participant1_score": SCORE, "participant2_score": SCORE},
            {
                "game_scores": {**listed(GAME), "maxItems": MOST_GAMES},
                "notes": text(1000),
                "evidence_url": text(500),
                "version": {**SCORE, "description": "an addition: the version this result builds on"},
            },
        ),
    ),
    Operation(
        "POST",
        "/api/tournaments/results/{match_id:int}/confirm-result/",
        "Confirm a result; subscribers get match_completed",
        confirm_result,
        (200, RESULT),
        refusals={
            **REFUSALS,
            400: "nothing to confirm (WRONG_STATE)",
            409: "somebody else changed the match first (STALE_VERSION)",
        },
    ),
)

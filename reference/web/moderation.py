"""The moderation history of a reference, for staff. An addition."""

from dataclasses import asdict

from reference.histories import MODERATION_PAGE
from reference.platform import DeltaCrown
from reference.web.economy import PAGE_QUERY
from reference.web.fields import INTEGER, INTEGER_OR_NULL, STRING, STRING_OR_NULL, TIME, listed
from reference.web.operation import Call, Operation, Reply, object_of

ACTION = object_of({"id": INTEGER, "created": TIME, "event": STRING, "actor_id": INTEGER_OR_NULL, "meta": {}})


def history(platform: DeltaCrown, call: Call) -> Reply:
    """A page of the actions on a reference, newest first; empty for an unknown one."""
    page = platform.moderation_history(
        call.path["ref_id"], call.query.get("cursor"), call.query.get("limit", MODERATION_PAGE)
    )
    return Reply(200, {"results": [asdict(row) for row in page.rows], "next_cursor": page.next_cursor})


OPERATIONS = (
    Operation(
        "GET",
        "/api/moderation/{ref_id}/actions/",
        "Moderation actions on a reference, newest first",
        history,
        (200, object_of({"results": listed(ACTION), "next_cursor": STRING_OR_NULL})),
        refusals={400: "a cursor or limit that is not ours"},
        query=PAGE_QUERY,
        audience="staff",
        addition=True,
    ),
)

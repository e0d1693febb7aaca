"""Is the server up? Asks nothing of the database, as on the real platform."""

from reference.platform import DeltaCrown
from reference.web.fields import STRING
from reference.web.operation import Call, Operation, Reply, object_of


def health(_platform: DeltaCrown, _call: Call) -> Reply:
    """200 as long as a worker answers."""
    return Reply(200, {"status": "ok"})


OPERATIONS = (
    Operation(
        "GET",
        "/healthz/",
        "Health",
        health,
        (200, object_of({"status": STRING})),
        audience="public",
        scope=None,
    ),
)

"""What a run was measured on: the machine, the servers, the cores."""

from typing import Any

from tailguard.pipeline.environment import describe_environment
from tailguard.pipeline.world import World
from tailguard.postgres.settings import postgres_record


def world_environment(world: World) -> dict[str, Any]:
    """Return the environment entry of run.json, servers and placement included."""
    with world.database.connect() as connection:
        postgres = postgres_record(connection, world.database.source)
    s3 = world.s3
    return {
        **describe_environment(),
        "placement": world.placement.as_dict(),
        "postgres": postgres,
        "s3": None
        if s3 is None
        else {"server": s3.kind, "version": s3.version, "source": source_of(s3.kind)},
    }


def source_of(kind: str) -> str:
    """Say whose server it is: `embedded` or `yours`."""
    return "yours" if kind == "yours" else "embedded"

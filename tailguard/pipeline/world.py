"""The world a run happens in: real servers, seeded rows, the platform under test. The suite opens it."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any  # the platform and its rows are the suite's own affair

import psycopg

from tailguard.config.merge import Config
from tailguard.faults.proxy import FaultProxy
from tailguard.faults.s3_switches import S3Switches
from tailguard.pipeline.environment import describe_environment
from tailguard.postgres.database import Database
from tailguard.postgres.settings import postgres_record
from tailguard.record.environment import Environment, Placement
from tailguard.s3.store import S3Server, s3_record

_DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


@dataclass(slots=True)
class World:
    """What a scenario can stand on. `resources` closes what a scenario opened, in reverse order."""

    run_id: str
    config: Config
    database: Database
    s3: S3Server | None
    platform: Any
    seeded: Any
    faults: Sequence[str]
    placement: Placement
    resources: ExitStack
    _reader: psycopg.Connection[Any] = field(repr=False)
    s3_switches: S3Switches | None = None
    storage: Any = None
    feed_proxy: FaultProxy | None = None
    _deadlocks_before: int = 0

    def note_deadlocks(self) -> None:
        """Count deadlocks from now on."""
        self._deadlocks_before = self._count_deadlocks()

    def value(self, query: str, *parameters: Any) -> Any:
        """Return the single value of a query, read on a connection of the suite's own; for invariants."""
        row = self._reader.execute(query.encode(), parameters).fetchone()
        return None if row is None else row[0]

    def reconnect(self) -> None:
        """Take a new connection for the suite's own queries, as a fault may have cost it the old one."""
        self._reader.close()
        self._reader = self.resources.enter_context(self.database.connect())

    def deadlocks(self) -> int:
        """Return how many deadlocks this database has seen since `note_deadlocks`."""
        return self._count_deadlocks() - self._deadlocks_before

    def _count_deadlocks(self) -> int:
        return int(self.value(_DEADLOCKS) or 0)


class RemoteWorld(World):
    """The world of a server that runs elsewhere; its database too if it may be read.

    `blind` is set if somebody asked the database and there is none.
    """

    blind = False

    def value(self, query: str, *parameters: Any) -> Any:
        """Return the single value of a query, None if the database is not ours to read."""
        if self._reader is None:
            self.blind = True
            return None
        return World.value(self, query, *parameters)


def remote_world(
    run_id: str, config: Config, platform: Any, rows: Any, resources: ExitStack, reader: Any = None
) -> RemoteWorld:
    """Return the world of a server elsewhere: no server of ours, and no database but through `reader`."""
    nothing: Any = None
    anywhere = Placement(generator=None, server=None, pinned=False)
    world = RemoteWorld(run_id, config, nothing, None, platform, rows, (), anywhere, resources, reader)
    world.note_deadlocks()
    world.blind = False
    return world


def world_environment(world: World) -> Environment:
    """Return what the record says of the machine, the cores and the servers of a world."""
    with world.database.connect() as connection:
        postgres = postgres_record(connection, world.database.source)
    s3 = None if world.s3 is None else s3_record(world.s3)
    return describe_environment(placement=world.placement, postgres=postgres, s3=s3)

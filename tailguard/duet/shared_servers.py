"""What both sides of a duet share: one PostgreSQL server with databases of their own, one S3 server."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace

import psycopg

from tailguard.config.merge import Config
from tailguard.pipeline.built_ins import built_ins
from tailguard.pipeline.opened_suite import open_suite
from tailguard.pipeline.parts import Parts
from tailguard.postgres import schema as schemas
from tailguard.postgres.copies.databases import BlockDatabases
from tailguard.postgres.database import check
from tailguard.postgres.location import DatabaseError, connect, locate
from tailguard.postgres.server import embedded_postgres
from tailguard.postgres.settings import postgres_record
from tailguard.record.duet import SideName
from tailguard.record.environment import Placement, PostgresServer, PostgresSource
from tailguard.record.environment import S3Server as S3Record
from tailguard.s3.address import S3Server, s3_record
from tailguard.suite.discovery import plans_of
from tailguard.suite.plan import walk
from tailguard.suite.run import Run, Shard, Target

log = logging.getLogger(__name__)

SIDES: tuple[SideName, SideName] = ("baseline", "candidate")


@dataclass(frozen=True, slots=True)
class SharedServers:
    """Where the sides work, and what the record says of the servers; `environ` holds the S3 keys.

    `dsn` is a database of yours; in an embedded server each block has `databases` of its own.
    """

    dsn: str = field(repr=False)
    s3_endpoint: str
    environ: Mapping[str, str] = field(repr=False)
    postgres: PostgresServer | None
    s3: S3Record | None
    databases: BlockDatabases | None = None


# Under sides that are servers, which have their own.
NO_SERVERS = SharedServers("", "", {}, None, None)


@contextmanager
def open_shared_servers(config: Config, placement: Placement, identity: str) -> Iterator[SharedServers]:
    """Start the servers that the scenarios need, or take yours; all that the blocks left is gone at the end.

    Each block works in a schema of its side; in an embedded server in a database that is its own, too.
    """
    needs, shared = _built_ins_needed(config), NO_SERVERS
    with ExitStack() as stack:
        if "postgres" in needs:
            log.info("starting PostgreSQL")
            shared = _postgres(config, placement, identity, stack)
        if "s3" in needs:
            from tailguard.s3.server import open_s3  # noqa: PLC0415  # a suite without S3 needs no boto3

            log.info("starting S3")
            options = config.s3
            s3 = stack.enter_context(
                open_s3(options.endpoint or None, None, options.region or None, cpus=placement.server)
            )
            shared = replace(shared, s3_endpoint=s3.endpoint, environ=_keys(s3), s3=s3_record(s3))
        yield shared


def _built_ins_needed(config: Config) -> set[str]:
    """Return the names of the built-in fixtures that the scenarios and their fixtures ask for; nothing is made.

    Raises UsageError if the suite is wrong.
    """
    anywhere = Placement(generator=None, server=None, pinned=False)
    table = built_ins(config, Run("", config.seed), Target(""), Shard(), Parts(config, anywhere))
    plans = plans_of(*open_suite(config), table)
    asked = {node.fixture for plan in plans for node in walk({**plan.journey, **plan.check})}
    return {name for name, fixture in table.items() if fixture in asked}


def _keys(s3: S3Server) -> dict[str, str]:
    keys = {"AWS_ACCESS_KEY_ID": s3.access_key, "AWS_SECRET_ACCESS_KEY": s3.secret_key}
    return keys | ({"AWS_SESSION_TOKEN": s3.session_token} if s3.session_token else {})


def _postgres(config: Config, placement: Placement, identity: str, stack: ExitStack) -> SharedServers:
    """Return where the sides work, and what the record says of the server."""
    place = locate(config.database.dsn or None)
    if place is not None:
        stack.callback(_sweep, place.conninfo, identity)
        return replace(NO_SERVERS, dsn=place.conninfo, postgres=_record(place.conninfo, "yours"))
    server = stack.enter_context(embedded_postgres(config.database.binaries or None, cpus=placement.server))
    databases = stack.enter_context(BlockDatabases(server.dsn))
    return replace(NO_SERVERS, databases=databases, postgres=_record(server.dsn, server.source))


def _record(conninfo: str, source: PostgresSource) -> PostgresServer:
    with connect(conninfo) as connection:
        check(connection)
        return postgres_record(connection, source)


def schema_of(identity: str, side: SideName) -> str:
    """Return the schema that the blocks of one side work in, one after the other."""
    return f"tailguard_{identity}_{side}"


def _sweep(conninfo: str, identity: str) -> None:
    """Drop what killed blocks of this duet left behind in your database."""
    with (
        suppress(psycopg.Error, DatabaseError),
        connect(conninfo) as connection,
    ):  # a dead server is reported elsewhere
        for side in SIDES:
            schemas.drop(connection, schema_of(identity, side))

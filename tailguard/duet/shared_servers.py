"""What both sides of a duet stand on: one PostgreSQL server with a database each, one S3 server."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tailguard.base.placement import Placement
from tailguard.config.merge import Config
from tailguard.postgres import schema as schemas
from tailguard.postgres.database import check
from tailguard.postgres.location import DatabaseError, connect, locate
from tailguard.postgres.server import embedded_postgres
from tailguard.postgres.settings import postgres_record
from tailguard.s3.server import open_s3

SIDES = ("baseline", "candidate")


@dataclass(frozen=True, slots=True)
class Ground:
    """Where each side works, and what the record says of the servers; `environ` holds the S3 keys."""

    conninfos: Mapping[str, str] = field(repr=False)
    s3_endpoint: str
    environ: Mapping[str, str] = field(repr=False)
    record: Mapping[str, Any]


# Under sides that are servers, which stand on their own.
NO_GROUND = Ground({}, "", {}, {"postgres": None, "s3": None})


@contextmanager
def open_ground(
    config: Config, needs: frozenset[str], placement: Placement, identity: str
) -> Iterator[Ground]:
    """Start the servers, or take yours; all that the blocks left is gone at the end.

    Each block works in a schema of its side; in an embedded server the sides have a database each, too.
    """
    with ExitStack() as stack:
        place = locate(config.get("database.dsn") or None)
        if place is None:
            binaries = config.get("database.binaries") or None
            server = stack.enter_context(embedded_postgres(binaries, cpus=placement.server))
            conninfos, source = _databases(server.dsn), server.source
        else:
            conninfos, source = dict.fromkeys(SIDES, place.conninfo), "yours"
            stack.callback(_sweep, place.conninfo, identity)
        with connect(conninfos[SIDES[0]]) as connection:
            check(connection)
            record: dict[str, Any] = {"postgres": postgres_record(connection, source), "s3": None}
        endpoint, environ = "", {}
        if "s3" in needs:
            s3 = stack.enter_context(
                open_s3(
                    config.get("s3.endpoint") or None,
                    None,
                    config.get("s3.region") or None,
                    cpus=placement.server,
                )
            )
            endpoint = s3.endpoint
            environ = {"AWS_ACCESS_KEY_ID": s3.access_key, "AWS_SECRET_ACCESS_KEY": s3.secret_key}
            if s3.session_token:
                environ["AWS_SESSION_TOKEN"] = s3.session_token
            source = "yours" if s3.kind == "yours" else "embedded"
            record["s3"] = {"server": s3.kind, "version": s3.version, "source": source}
        yield Ground(conninfos, endpoint, environ, record)


def schema_of(identity: str, side: str) -> str:
    """Return the schema that the blocks of one side work in, one after the other."""
    return f"tailguard_{identity}_{side}"


def _databases(dsn: str) -> dict[str, str]:
    names = {side: f"tailguard_{side}" for side in SIDES}
    with connect(dsn) as connection:
        for name in names.values():
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return {side: make_conninfo(dsn, dbname=name) for side, name in names.items()}


def _sweep(conninfo: str, identity: str) -> None:
    """Drop what killed blocks of this duet left behind in your database."""
    with (
        suppress(psycopg.Error, DatabaseError),
        connect(conninfo) as connection,
    ):  # a dead server is said elsewhere
        for side in SIDES:
            schemas.drop(connection, schema_of(identity, side))

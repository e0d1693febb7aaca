"""The fixtures that every suite has without writing them; one of its own of the same name wins."""

from collections.abc import Iterator
from pathlib import Path

from tailguard.base.processes import Watchdog
from tailguard.config.merge import Config
from tailguard.http.connections import Exchange, HttpConnections
from tailguard.http.tls import read_tls
from tailguard.pipeline.parts import Parts
from tailguard.postgres.copies.filling import Filling
from tailguard.postgres.location import ANSWER_WITHIN_S, connect
from tailguard.postgres.reader import Postgres
from tailguard.postgres.session import for_session
from tailguard.s3.address import S3Server
from tailguard.suite.fixture import Fixture, fixture, given
from tailguard.suite.plan import Table
from tailguard.suite.run import Run, Shard, Target

# Servers of a target elsewhere, which are not ours to reach.
NOT_OURS = Postgres(conninfo="", schema="", version="", source="yours")
NO_S3 = S3Server(endpoint="", region="", bucket="", kind="yours", version="")


def built_ins(
    config: Config, run: Run, target: Target, shard: Shard, parts: Parts, connections: Exchange | None = None
) -> Table:
    """Return the built-in fixtures of a process: config, run, target, shard, folder, connections, postgres, s3.

    `connections` are those of the load generator, if it has its own.
    """

    @fixture(scope="run")
    def postgres() -> Postgres:
        """The run's database; it has a schema of its own. A target's, if a DSN names it, can only be read."""
        if target.url:
            return targets_database(config)
        found = parts.open_database()
        filling = Filling(parts.own) if parts.own else None
        return Postgres(found.conninfo, found.schema, found.version, found.source, filling)

    @fixture(scope="run")
    def s3() -> S3Server:
        """The run's object store."""
        return NO_S3 if target.url else parts.open_s3()

    found = (
        given("config", config),
        given("run", run),
        given("target", target),
        given("shard", shard, "process"),
        _FOLDER,
        given("connections", connections, "process") if connections else _connections_to(target),
        postgres,
        s3,
    )
    return {each.name: each for each in found}


def targets_database(config: Config) -> Postgres:
    """Return the database behind a target, to be read. Raises DatabaseError if it cannot be reached."""
    options = config.database
    if not options.dsn:
        return NOT_OURS
    schemas = [options.schema] if options.schema else []
    conninfo = for_session(options.dsn, *schemas, read_only=True)
    with connect(conninfo, answer_within_s=ANSWER_WITHIN_S) as connection:
        version = connection.info.parameter_status("server_version") or "unknown"
    return Postgres(conninfo, options.schema, version.split()[0], "yours")


def _folder() -> Iterator[Path]:
    """An empty folder; each process has its own, which is gone at its end, whatever that is."""
    with Watchdog() as watchdog:
        yield watchdog.folder("")


def _connections_to(target: Target) -> Fixture[Iterator[Exchange]]:
    @fixture
    def connections() -> Iterator[Exchange]:
        """HTTP connections, kept for each thread; certificates are checked as the target's file says."""
        kept = HttpConnections(read_tls(target.file).context())
        yield kept
        kept.close()

    return connections


_FOLDER: Fixture[Path] = Fixture("folder", "run", _folder, (), is_given=True)

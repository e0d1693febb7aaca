"""Where a soak's lease is, and which soak a standby waits for."""

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import psycopg

from tailguard.base.errors import TailguardError, UsageError
from tailguard.config.merge import Config
from tailguard.config.tables import DatabaseOptions, SoakOptions
from tailguard.postgres.location import DatabaseError, connect, locate
from tailguard.record.files import RECORD
from tailguard.record.part import Json
from tailguard.record.run import Run
from tailguard.record.run_json import read_record
from tailguard.soak.lease import Lease, LeaseLostError, Term

SCHEMA = "tailguard_soak"
_POLLS_PER_TTL = 20


def lease_of(options: SoakOptions, database: DatabaseOptions) -> Lease | None:
    """Return the lease that the configuration names, None if it names no PostgreSQL.

    Raises DatabaseError if that cannot be used.
    """
    place = locate(options.lease or database.dsn or None)
    if place is None:
        return None
    # A server that is silent for half a term is asked again, on a new connection.
    open_session = partial(connect, place.conninfo, answer_within_s=options.ttl_s / 2, shared=True)
    with connect(place.conninfo, shared=True) as connection:
        try:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}".encode())
        except psycopg.errors.UniqueViolation:
            pass  # two may make it at once
        except psycopg.Error as error:
            raise DatabaseError(f"the lease needs a schema {SCHEMA}: {str(error).strip()}") from error
    return Lease(open_session, SCHEMA, options.name, options.ttl_s)


def _comparable(frozen: Mapping[str, Json]) -> Mapping[str, Json]:
    """Return a configuration without the lease's address, which differs between two machines."""
    soak = frozen["soak"]
    assert isinstance(soak, dict)  # a table
    return {**frozen, "soak": {**soak, "lease": ""}}


def polled(lease: Lease, ttl_s: float) -> Term:
    """Wait until the lease is free, and return the term. A server that is not there may come back."""
    while True:
        try:
            term = lease.take()
        except (psycopg.Error, DatabaseError):
            term = None
        if term is not None:
            return term
        time.sleep(ttl_s / _POLLS_PER_TTL)


def began_s(lease: Lease) -> float:
    """Return the server's clock at the beginning of a term. Raises LeaseLostError without the server."""
    try:
        return lease.server_s()
    except (psycopg.Error, DatabaseError) as error:
        raise LeaseLostError(f"The lease was lost as soon as it was taken: {error}.") from error


def running_soak(config: Config) -> Run:
    """Return the newest soak of this name in the runs' folder that has not ended.

    Raises UsageError if there is none, or it has another configuration.
    """
    for path in sorted(Path(config.runs_dir).glob(f"*/{RECORD}"), reverse=True):
        try:
            record = read_record(path)
        except TailguardError:
            continue
        lease = record.soak.lease if record.soak else None
        if lease is None or lease.name != config.soak.name or record.exit_code is not None:
            continue
        if _comparable(record.config.value) != _comparable(config.frozen()):
            raise UsageError(
                f"The soak {record.id} has another configuration: start the standby with the options of the leader, "
                f"{' '.join(record.command)} (`tailguard config diff` compares two)"
            )
        return Run.load(path.parent)
    raise UsageError(
        f"No soak {config.soak.name!r} is under way in {config.runs_dir}: start its leader with `tailguard soak` "
        "first; both need the same folder"
    )

"""What `tailguard certificates` works on: your database, your folder of certificates, your bucket."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
import psycopg

import tailguard as tg
from reference.certificates import LocalStorage, Metrics, S3Storage, connect_s3
from reference.database import Database
from reference.errors import PlatformError
from tailguard.postgres import address, connect, for_session, locate

F = TypeVar("F", bound=Callable[..., Any])
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_OPTIONS = (
    click.option("--dsn", help="Your PostgreSQL (default: DATABASE_URL, PG*)."),
    click.option("--schema", help="Schema of your tables (default: the connection's own search path)."),
    click.option(
        "--local",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder of the certificates on the local disk (default: CERT_LOCAL_ROOT).",
    ),
    click.option("--s3-endpoint", help="URL of your S3 (default: AWS_ENDPOINT_URL_S3, else AWS itself)."),
    click.option("--bucket", help="Bucket of the certificates (default: AWS_STORAGE_BUCKET_NAME)."),
    click.option("--prefix", default="", help="What all keys begin with in the bucket."),
    click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
)


@dataclass(frozen=True, slots=True)
class Target:
    """The three places of a cut-over, open."""

    database: Database
    local: LocalStorage
    s3: S3Storage
    metrics: Metrics


def places(command: F) -> F:
    """Give a command the options that name the three places."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@contextmanager
def open_target(
    dsn: str | None,
    schema: str | None,
    local: Path | None,
    s3_endpoint: str | None,
    bucket: str | None,
    prefix: str,
) -> Iterator[Target]:
    """Open all three. Raises UsageError naming what is not named, or cannot be reached."""
    environ = os.environ
    root = local or _named(environ, "CERT_LOCAL_ROOT", "--local")
    if not Path(root).is_dir():
        raise tg.UsageError(f"There is no folder {root}: name that of the certificates with --local.")
    name = bucket or _named(environ, "AWS_STORAGE_BUCKET_NAME", "--bucket")
    access_key, secret_key = (_named(environ, key, "the environment") for key in KEYS)
    conninfo = _conninfo(dsn, schema)
    client = connect_s3(
        s3_endpoint or environ.get("AWS_ENDPOINT_URL_S3") or None,
        access_key,
        secret_key,
        environ.get("AWS_S3_REGION_NAME") or environ.get("AWS_REGION") or "us-east-1",
        environ.get("AWS_SESSION_TOKEN") or None,
    )
    metrics = Metrics()
    storage = S3Storage(client, name, prefix, metrics=metrics)
    with closing(client), closing(Database(conninfo)) as database, _failures_said():
        yield Target(database, LocalStorage(Path(root)), storage, metrics)


@contextmanager
def _failures_said() -> Iterator[None]:
    """Turn a failure of the database or of the platform into one sentence."""
    try:
        yield
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise tg.TailguardError(
            f"The database stopped this ({error.sqlstate or 'connection lost'}): {reason}"
        ) from None
    except PlatformError as error:
        raise tg.TailguardError(f"{error} ({error.code})") from None


def _conninfo(dsn: str | None, schema: str | None) -> str:
    place = locate(dsn)
    if place is None:
        raise tg.UsageError("No database is named: give --dsn, DATABASE_URL or PG*.")
    conninfo = for_session(place.conninfo, schema) if schema else place.conninfo
    with connect(conninfo) as connection:
        table = connection.execute(
            "SELECT pg_catalog.to_regclass('tournament_engine_certificate_certificate')"
        ).fetchone()
        where = address(connection)
    if table is None or table[0] is None:
        raise tg.UsageError(
            f"{where} has no table tournament_engine_certificate_certificate"
            f"{f' in schema {schema}' if schema else ''}: name the schema with --schema."
        )
    return conninfo


def _named(environ: Mapping[str, str], variable: str, option: str) -> str:
    if not environ.get(variable):
        raise tg.UsageError(f"{variable} is not set: give it in the environment, or {option}.")
    return environ[variable]

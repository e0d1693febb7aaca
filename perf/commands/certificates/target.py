"""What `tailguard certificates` works on: your database, your folder of certificates, your bucket."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import psycopg

import tailguard as tg
from reference.certificates import LocalStorage, Metrics, S3Storage, connect_s3
from reference.database import Database
from reference.errors import PlatformError
from tailguard.postgres import address, connect, for_session, locate

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

F = TypeVar("F", bound=Callable[..., Any])
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_OF_S3 = (
    click.option("--s3-endpoint", help="URL of your S3 (default: AWS_ENDPOINT_URL_S3, else AWS itself)."),
    click.option("--bucket", help="Bucket of the certificates (default: AWS_STORAGE_BUCKET_NAME)."),
    click.option("--prefix", default="", help="What all keys begin with in the bucket."),
    click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
)
_OPTIONS = (
    click.option("--dsn", help="Your PostgreSQL (default: DATABASE_URL, PG*)."),
    click.option("--schema", help="Schema of your tables (default: the connection's own search path)."),
    click.option(
        "--local",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder of the certificates on the local disk (default: CERT_LOCAL_ROOT).",
    ),
    *_OF_S3,
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
    return _with(_OPTIONS, command)


def bucket_options(command: F) -> F:
    """Give a command the options that name the bucket."""
    return _with(_OF_S3, command)


def _with(options: Sequence[Callable[[F], F]], command: F) -> F:
    for option in reversed(options):
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
    conninfo, metrics = _conninfo(dsn, schema), Metrics()
    with open_bucket(s3_endpoint, bucket) as (client, name), closing(Database(conninfo)) as database:
        storage = S3Storage(client, name, prefix, metrics=metrics)
        yield Target(database, LocalStorage(Path(root)), storage, metrics)


@contextmanager
def open_bucket(s3_endpoint: str | None, bucket: str | None) -> Iterator[tuple["S3Client", str]]:
    """Yield a client and the bucket's name. Raises UsageError for what is not named."""
    environ = os.environ
    name = bucket or _named(environ, "AWS_STORAGE_BUCKET_NAME", "--bucket")
    access_key, secret_key = (_named(environ, key, "the environment") for key in KEYS)
    client = connect_s3(
        s3_endpoint or environ.get("AWS_ENDPOINT_URL_S3") or None,
        access_key,
        secret_key,
        environ.get("AWS_S3_REGION_NAME") or environ.get("AWS_REGION") or "us-east-1",
        environ.get("AWS_SESSION_TOKEN") or None,
    )
    with closing(client), _failures_said():
        yield client, name


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


def check_table(database: Database, table: str, remedy: str) -> None:
    """Raise UsageError with the remedy if the database has no such table."""
    with database.connection() as connection:
        row = connection.row("SELECT pg_catalog.to_regclass($1)::text", table)
    if row is None or row[0] is None:
        raise tg.UsageError(f"The database has no table {table}: {remedy}.")


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

"""Starts everything that the served platform needs, says where it is, and stops it again."""

import errno
import os
import secrets
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import tailguard as tg
from perf.reference import make_tables
from perf.secret import VARIABLE, secret_in
from perf.store import Store
from reference.certificates import Flags, Metrics
from reference.faults import Faults
from reference.platform import DeltaCrown
from reference.seed import seed_platform
from reference.web.app import create_app
from reference.web.demo import DemoAccounts, open_demo_accounts
from reference.web.server import WebServer, bind
from reference.web.throttle import RateError, Throttle
from tailguard.kit import say
from tailguard.postgres import Database, open_database
from tailguard.s3 import S3Server, open_s3

LOCAL_VARIABLE = "CERT_LOCAL_ROOT"
SHORTEST_SECRET_BYTES = 32  # as HS256 wants; reference.tokens refuses less


def serve_platform(host: str, port: int, dsn: str | None, s3_endpoint: str | None) -> None:
    """Serve until Ctrl-C or SIGTERM. Raises UsageError before anything is started if an input is wrong."""
    faults, throttle, secret = read_faults(), read_throttle(os.environ), read_secret(os.environ)
    flags = read_flags(os.environ)
    with ExitStack() as stack:
        stack.enter_context(sigterm_as_interrupt())
        listener = stack.enter_context(listening(host, port))
        say("Starting PostgreSQL and S3 ...")
        database = stack.enter_context(open_database(dsn))
        s3 = stack.enter_context(open_s3(s3_endpoint))
        say("Seeding the platform ...")
        make_tables(database.conninfo)
        seed_platform(database.conninfo)
        metrics = Metrics()
        storage = Store(s3, os.environ.get(LOCAL_VARIABLE, "")).open(metrics, flags)
        platform = DeltaCrown(database.conninfo, storage=storage, secret=secret, faults=faults)
        stack.callback(platform.close)
        server = WebServer(create_app(platform, throttle=throttle, metrics=metrics), listener)
        accounts = open_demo_accounts(platform)
        try:  # from the moment that we say how to stop
            announce(server, accounts, database, s3, faults)
            server.run()
        except KeyboardInterrupt:
            say("Stopping ...")


def announce(
    server: WebServer, accounts: DemoAccounts, database: Database, s3: S3Server, faults: Faults
) -> None:
    """Say where it is and how to get in."""
    body = f'{{"username": "{accounts.player}", "password": "{accounts.password}"}}'
    lines = [
        "",
        f"DeltaCrown, the reference platform: {server.url}",
        f"  routes      {server.url}/openapi.json",
        f"  WebSocket   ws://{server.address}/ws/tournament/1/?token=<access>  (Origin: {server.url})",
        f"  PostgreSQL  {database.version} ({database.source}), schema {database.schema}",
        f"  S3          {s3.kind} {s3.version}".rstrip(),
        f"  accounts    {accounts.player} (a player), {accounts.staff} (staff), password {accounts.password}",
        f"  token       curl -s {server.url}/api/token/ -H 'Content-Type: application/json' -d '{body}'",
    ]
    if faults.names():
        lines += ["", f"FAULTS ARE SWITCHED ON: {', '.join(faults.names())}"]
    say(*lines, "", "Stop with Ctrl-C.")


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Take the port before anything slow starts. Raises UsageError if it cannot be had."""
    try:
        listener = bind(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise tg.UsageError(
                f"Port {port} on {host} is in use. Choose another with --port, or --port 0 for a free one."
            ) from error
        raise tg.UsageError(
            f"Cannot listen on {host} port {port}: {error.strerror or error}. Choose with --host and --port."
        ) from error
    with listener:
        yield listener


@contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """Let SIGTERM unwind like Ctrl-C, so that a schema on your own database is dropped then, too."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def read_flags(environ: Mapping[str, str]) -> Flags:
    """Return the flags of the certificates. Raises UsageError for a wrong value, or for flags without a folder."""
    try:
        flags = Flags.from_environment(environ)
    except ValueError as error:
        raise tg.UsageError(f"{error}.") from None
    if flags != Flags() and not environ.get(LOCAL_VARIABLE):
        raise tg.UsageError(
            f"CERT_S3_... flags need {LOCAL_VARIABLE}, the folder of the certificates on the disk."
        )
    return flags


def read_faults() -> Faults:
    """Return the faults of TAILGUARD_FAULTS. Raises UsageError for one that does not exist."""
    try:
        return Faults.from_environment()
    except ValueError as error:
        raise tg.UsageError(str(error)) from error


def read_throttle(environ: Mapping[str, str]) -> Throttle:
    """Return the rates of the environment. Raises UsageError for one that cannot be read."""
    try:
        return Throttle.from_environment(environ)
    except RateError as error:
        raise tg.UsageError(str(error)) from error


def read_secret(environ: Mapping[str, str]) -> str:
    """Return the secret that signs tokens, or a new one. Raises UsageError if it is too short; never shows it."""
    secret = secret_in(environ) or secrets.token_hex(SHORTEST_SECRET_BYTES)
    if len(secret.encode()) < SHORTEST_SECRET_BYTES:
        raise tg.UsageError(
            f"{VARIABLE} has {len(secret.encode())} bytes: give at least {SHORTEST_SECRET_BYTES}, "
            "for example from `openssl rand -hex 32`, or leave it unset."
        )
    return secret

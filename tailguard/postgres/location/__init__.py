"""Which PostgreSQL to work on: the one you name, the one your environment names, or an embedded one."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.errors import _WaitTimeout  # psycopg has no public name for it

from tailguard.base.errors import UsageError
from tailguard.postgres.location.connection_string import checked
from tailguard.postgres.session import CATALOGUE, ENCODING, for_session, newer_settings

# Any of these alone points libpq to a server; the password and the options only refine it.
_LIBPQ = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE")
_CONNECT_TIMEOUT_S = 10
# Tailguard's questions take milliseconds, the drop of a large schema seconds; a server that is silent for longer hangs.
ANSWER_WITHIN_S = 30.0
# A host that is gone, unlike a server that is stopped, is noticed by the kernel: libpq's own words.
_DEAD_LINK: dict[str, object] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
_WAKE_S = 0.1  # psycopg's own: how often a wait looks for signals
_REMEDY = (
    "Check that it runs and that host, port, user and database are right, or omit --dsn, DATABASE_URL "
    "and PG* for an embedded server"
)
# Also for the words of an old PgBouncer, which knows no `options`: our search path is one.
POOLERS_REMEDY = "Give the address of the server itself, not of its pooler (often port 5432 instead of 6432)"


class DatabaseError(UsageError):
    """The database cannot be used as it is; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Location:
    """A database: how libpq reaches it, and who named it (`--dsn`, `DATABASE_URL`, `PG*`)."""

    conninfo: str = field(repr=False)
    named_by: str


def locate(dsn: str | None = None, environ: Mapping[str, str] | None = None) -> Location | None:
    """Return the database named by `dsn`, else by DATABASE_URL, else by libpq's PG* variables; None if none is.

    Raises UsageError if the text is not a connection string.
    """
    env = os.environ if environ is None else environ
    if dsn:
        return Location(checked(dsn, "--dsn"), "--dsn")
    if url := env.get("DATABASE_URL"):
        return Location(checked(url, "DATABASE_URL"), "DATABASE_URL")
    if named := [name for name in _LIBPQ if env.get(name)]:
        return Location("", ", ".join(named))
    return None


class LimitedConnection(psycopg.Connection[Any]):
    """A connection that does not wait for ever: a server that is stopped keeps its sockets open and says nothing."""

    answer_within_s: float | None = None

    def wait(self, gen: Any, interval: float = _WAKE_S, timeout: float | None = None) -> Any:
        """As psycopg's own, within `answer_within_s` unless the caller says less; then the connection is closed."""
        limit = self.answer_within_s if timeout is None else timeout
        try:
            return super().wait(gen, interval, limit)
        except _WaitTimeout:
            if timeout is not None:
                raise
            self.pgconn.finish()
            raise psycopg.OperationalError(
                f"the server has not answered within {limit:g} s: is it stopped, or out of reach?"
            ) from None


def connect(
    conninfo: str, *, answer_within_s: float | None = None, shared: bool = False, **options: object
) -> "psycopg.Connection[tuple[object, ...]]":
    """Connect in autocommit, with the settings of all our sessions (`session.py`) and the search path of `conninfo`.

    Every connection of Tailguard is opened here. `answer_within_s` bounds each statement; None is for builds and seeds,
    whose owners bound them. `shared` asks for nothing that a pooler could not keep: no settings, no prepared
    statements. Raises DatabaseError with host and port, never the password.
    """
    defaults: dict[str, object] = {"connect_timeout": _CONNECT_TIMEOUT_S} | _DEAD_LINK
    own = make_conninfo(conninfo, client_encoding=ENCODING) if shared else for_session(conninfo)
    if shared:
        defaults["prepare_threshold"] = None
    try:
        connection = LimitedConnection.connect(
            own,
            **(defaults | options | {"autocommit": True}),  # type: ignore[arg-type]  # libpq's own words
        )
        if not shared:
            _set_newer(connection, own)
    except psycopg.OperationalError as error:
        raise DatabaseError(_refused(error)) from None
    connection.autocommit = bool(options.get("autocommit", True))
    connection.answer_within_s = answer_within_s
    return connection


def _set_newer(connection: LimitedConnection, own: str) -> None:
    """Set what the connection string could not hold while the server's version was unknown."""
    connection.answer_within_s = ANSWER_WITHIN_S
    for name, value in newer_settings(connection.info.server_version // 10_000).items():
        if name not in own:
            connection.execute(f"SET {name} = {value}".encode())


def connect_to_catalogue(conninfo: str) -> "psycopg.Connection[tuple[object, ...]]":
    """Connect to read or change the catalogue: no schema that others may write in is on the search path."""
    return connect(for_session(conninfo, *CATALOGUE), answer_within_s=ANSWER_WITHIN_S)


def address(connection: "psycopg.Connection[Any]") -> str:
    """Return "host:port/database" of the server that was reached, even if a service or several hosts were named."""
    info = connection.info
    return f"{info.host or 'localhost'}:{info.port}/{info.dbname}"


def _refused(error: psycopg.OperationalError) -> str:
    """Say by libpq's own words why there is no connection, as sentences on one line."""
    lines = (line.strip() for line in str(error).splitlines())
    words = " ".join(line if line.endswith((".", "?", ":")) else f"{line}." for line in lines if line)
    words = words.rpartition("All failures were: ")[
        2
    ]  # of many hosts; before that, the last one is there twice
    remedy = POOLERS_REMEDY if "unsupported startup parameter" in words else _REMEDY
    tried = error.pgconn
    parts = [part.decode() for part in (tried.host, tried.port, tried.db)] if tried else []
    place = " at {}:{}/{}".format(*parts) if all(parts) and parts else ""
    return f"PostgreSQL{place} cannot be used: {words} {remedy}"

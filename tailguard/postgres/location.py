"""Which PostgreSQL to work on: the one you name, the one your environment names, or an embedded one."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import _WaitTimeout  # psycopg has no public name for it

from tailguard.base.errors import UsageError
from tailguard.postgres.session import CATALOGUE, for_session

APPLICATION = "tailguard"
# Any of these alone points libpq to a server; the password and the options only refine it.
_LIBPQ = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE")
# SQLAlchemy and Django write the driver into the scheme.
_DRIVER = re.compile(r"^(postgres(?:ql)?)\+\w+://")
_CONNECT_TIMEOUT_S = 10
# A question of ours takes milliseconds, the drop of a large schema seconds; a server that is silent for longer hangs.
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
    "Check that it runs and that host, port, user and database are right, or leave --dsn, DATABASE_URL "
    "and PG* away for an embedded server"
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

    @property
    def address(self) -> str:
        """Return "host:port/database" for people, never the password."""
        return address(self.conninfo)


def locate(dsn: str | None = None, environ: Mapping[str, str] | None = None) -> Location | None:
    """Return the database named by `dsn`, else by DATABASE_URL, else by libpq's PG* variables; None if none is.

    Raises DatabaseError if the text is no connection string.
    """
    env = os.environ if environ is None else environ
    if dsn:
        return Location(_checked(dsn, "--dsn"), "--dsn")
    if url := env.get("DATABASE_URL"):
        return Location(_checked(url, "DATABASE_URL"), "DATABASE_URL")
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
    conninfo: str, *, answer_within_s: float | None = None, **options: object
) -> "psycopg.Connection[tuple[object, ...]]":
    """Connect in autocommit, with the settings of all our sessions (`session.py`) and the search path of `conninfo`.

    Every connection of ours is opened here. `answer_within_s` bounds each statement; None is for builds and seeds,
    whose owners bound them. Raises DatabaseError with host and port, never the password.
    """
    defaults: dict[str, object] = {"autocommit": True, "connect_timeout": _CONNECT_TIMEOUT_S} | _DEAD_LINK
    try:
        connection = LimitedConnection.connect(
            for_session(conninfo),
            **(defaults | options),  # type: ignore[arg-type]  # libpq's own words
        )
    except psycopg.OperationalError as error:
        reason = _reason(error, conninfo)
        remedy = POOLERS_REMEDY if "unsupported startup parameter" in reason else _REMEDY
        raise DatabaseError(f"PostgreSQL at {address(conninfo)} cannot be used: {reason} {remedy}") from None
    connection.answer_within_s = answer_within_s
    return connection


def connect_to_catalogue(conninfo: str) -> "psycopg.Connection[tuple[object, ...]]":
    """Connect to read or change the catalogue: no schema that others may write in is on the search path."""
    return connect(for_session(conninfo, *CATALOGUE), answer_within_s=ANSWER_WITHIN_S)


def address(conninfo: str) -> str:
    """Return "host:port/database" of a connection string as libpq would complete it."""
    known = _completed(conninfo)
    host = known.get("host") or known.get("hostaddr") or "localhost"
    return f"{host}:{known.get('port') or 5432}/{known.get('dbname') or known.get('user') or ''}"


def _completed(conninfo: str) -> dict[str, str]:
    """Overlay `conninfo` on what libpq takes from the environment."""
    defaults = {
        str(option.keyword.decode()): option.val.decode()
        for option in psycopg.pq.Conninfo.get_defaults()
        if option.val is not None
    }
    return defaults | {name: str(value) for name, value in conninfo_to_dict(conninfo).items()}


def _checked(text: str, named_by: str) -> str:
    normal = _DRIVER.sub(r"\1://", text.strip())
    try:
        conninfo_to_dict(normal)
    except psycopg.ProgrammingError:
        # libpq's own message may quote the text, and the text holds a password.
        raise DatabaseError(
            f"{named_by} is no PostgreSQL connection string: write postgresql://user@host:5432/database"
        ) from None
    return make_conninfo(
        normal, application_name=conninfo_to_dict(normal).get("application_name") or APPLICATION
    )


def _reason(error: psycopg.OperationalError, conninfo: str) -> str:
    """Return libpq's last words as sentences on one line, with the password taken out should they hold it."""
    words = " ".join(str(error).split())
    words += "" if words.endswith((".", "?")) else "."
    password = _completed(conninfo).get("password")
    return words.replace(password, "***") if password else words

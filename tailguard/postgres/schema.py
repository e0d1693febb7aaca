"""Tailguard's own schema in a user's database: it is created, marked and dropped; nothing else is touched."""

import logging
import os
import re
import secrets
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import psycopg
from psycopg import sql

from tailguard.base.reading.json_text import JsonError, decode
from tailguard.postgres.location import DatabaseError

PREFIX = "tailguard_"
_NAME = re.compile(rf"{PREFIX}[a-z0-9_]{{1,40}}")
# The comment of a schema that we made begins with this: what has no such comment is never dropped.
MARKER = "made by tailguard, dropped by tailguard: "
# High half of the advisory lock that says "its owner lives"; the low half is the schema's oid. ASCII "tail".
_LOCK_CLASS = 0x7461696C
# A leftover must be this old: the lock of a living owner is gone for a moment when its connection breaks.
LEFTOVER_AGE_S = 600.0
_LOCK_TIMEOUT_MS = 10_000  # a stray connection of a killed run may hold a table; do not wait for ever
_LOG = logging.getLogger(__name__)

# Ours has about 200 characters; a comment may have a gigabyte.
_COMMENT = "pg_catalog.left(pg_catalog.obj_description(oid, 'pg_namespace'), 1000)"
_LARGEST_PID = 2**31 - 1  # of a pid_t

Connection = psycopg.Connection[Any]


class Marker(msgspec.Struct, frozen=True):
    """What the comment of a Tailguard schema says after `MARKER`. Anybody may write such a comment."""

    made_utc: Annotated[datetime, msgspec.Meta(tz=True)]
    host: Annotated[str, msgspec.Meta(max_length=255)]
    pid: Annotated[int, msgspec.Meta(ge=1, le=_LARGEST_PID)]


@dataclass(frozen=True, slots=True)
class Leftover:
    """A Tailguard schema whose owner is gone."""

    name: str
    age_s: float
    host: str
    pid: int


def new_name() -> str:
    """Return a name that no schema has."""
    return f"{PREFIX}{secrets.token_hex(5)}"


def create(connection: Connection, name: str) -> None:
    """Make the schema `name`, marked as ours; `connection` owns it for as long as it is open.

    A schema of that name that a killed run left is replaced.
    Raises DatabaseError if the name is not ours to use, or the schema is another's or in use.
    """
    if not _NAME.fullmatch(name):
        raise DatabaseError(
            f"the schema {name!r} is not ours to use: the suite works in schemas named {PREFIX}… only "
            f"(small letters, digits, _), for example {PREFIX}nightly"
        )
    _make_way(connection, name)
    marker = Marker(datetime.now(UTC).replace(microsecond=0), socket.gethostname(), os.getpid())
    text = MARKER + msgspec.json.encode(marker).decode()
    with connection.transaction():  # never a schema without its marker
        try:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        except psycopg.errors.DuplicateSchema:
            raise DatabaseError(
                f"the schema {name} was just made by another run: choose another name"
            ) from None
        connection.execute(
            sql.SQL("COMMENT ON SCHEMA {} IS {}").format(sql.Identifier(name), sql.Literal(text))
        )
        connection.execute("SELECT pg_catalog.pg_advisory_lock(%s)", (_lock_key(connection, name),))


def rehearse(connection: Connection) -> None:
    """Make a schema, a table and an index, and drop them, all in one transaction: nothing of it is ever seen.

    Raises psycopg.Error if the server refuses it, as an event trigger may.
    """
    name = new_name()
    with connection.transaction():
        for statement in (
            "CREATE SCHEMA {0}",
            "CREATE TABLE {0}.rehearsal (id int PRIMARY KEY, other int)",
            "CREATE INDEX ON {0}.rehearsal (other)",
            "DROP SCHEMA {0} CASCADE",
        ):
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


def drop(connection: Connection, name: str) -> bool:
    """Drop the schema `name` if its marker says that it is ours; tell whether it is gone.

    A refusal is logged with the statement to run by hand, not raised: what was measured is worth more.
    Raises psycopg.OperationalError if the connection is broken.
    """
    if _owner(connection, name) is None:
        return False
    try:
        with connection.transaction():
            connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(_LOCK_TIMEOUT_MS))
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))
    except psycopg.Error as error:
        if connection.broken:
            raise
        _LOG.warning("schema %s stays behind (%s): DROP SCHEMA %s CASCADE", name, error, name)
        return False
    return True


def leftovers(connection: Connection, older_than_s: float = LEFTOVER_AGE_S) -> list[Leftover]:
    """Return the marked schemas of this database that are old and whose owner's lock is free."""
    rows = connection.execute(
        f"SELECT nspname, {_COMMENT} FROM pg_catalog.pg_namespace WHERE pg_catalog.starts_with(nspname, %s)"
        " ORDER BY 1",
        (PREFIX,),
    ).fetchall()
    found = [_made_by(name, comment) for name, comment in rows if _NAME.fullmatch(name)]
    return [
        item
        for item in found
        if item is not None and item.age_s >= older_than_s and _owner_is_gone(connection, item)
    ]


def _make_way(connection: Connection, name: str) -> None:
    exists = connection.execute(
        "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s", (name,)
    ).fetchone()
    if not exists:
        return
    if (owner := _owner(connection, name)) is None:
        raise DatabaseError(f"the schema {name} exists and was not made by tailguard: choose another name")
    if not _owner_is_gone(connection, owner):
        raise DatabaseError(
            f"the schema {name} is in use by another run (process {owner.pid} on {owner.host}): "
            "wait for it, or choose another name"
        )
    if not drop(connection, name):
        raise DatabaseError(f"the schema {name} of an earlier run cannot be dropped: choose another name")


def _owner(connection: Connection, name: str) -> Leftover | None:
    """Return who made the schema; None if its comment is not exactly what we write: then it is not ours."""
    row = connection.execute(
        f"SELECT {_COMMENT} FROM pg_catalog.pg_namespace WHERE nspname = %s", (name,)
    ).fetchone()
    return _made_by(name, row[0]) if row else None


def _made_by(name: str, comment: str | None) -> Leftover | None:
    if comment is None or not comment.startswith(MARKER):
        return None
    try:
        marker = decode(comment.removeprefix(MARKER), Marker)
    except JsonError:
        return None
    age_s = (datetime.now(UTC) - marker.made_utc).total_seconds()
    return Leftover(name, age_s, marker.host, marker.pid)


def _owner_is_gone(connection: Connection, item: Leftover) -> bool:
    """Tell whether nobody holds the schema's lock, which goes with its owner's connection, and no process of that id
    lives where it was made: a broken connection alone does not make an orphan.
    """
    if item.host == socket.gethostname() and _process_lives(item.pid):
        return False
    key = _lock_key(connection, item.name)
    row = connection.execute("SELECT pg_catalog.pg_try_advisory_lock(%s)", (key,)).fetchone()
    if not row or not row[0]:
        return False
    connection.execute("SELECT pg_catalog.pg_advisory_unlock(%s)", (key,))
    return True


def _process_lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _lock_key(connection: Connection, name: str) -> int:
    row = connection.execute(
        "SELECT oid::bigint FROM pg_catalog.pg_namespace WHERE nspname = %s", (name,)
    ).fetchone()
    return (_LOCK_CLASS << 32) | int(row[0] if row else 0)

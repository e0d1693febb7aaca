"""What each of Tailguard's sessions sets for itself, whatever the role, the database or the environment say."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from psycopg import Connection, Error
from psycopg.conninfo import conninfo_to_dict, make_conninfo

# Overlaid on those of the role: a limit that suits a web request ends our own work half way. They are all known to
# the oldest server that we take; an unknown one would refuse the connection.
SETTINGS = {
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
}
# Likewise, of newer servers: (first major version, setting, value).
NEWER_SETTINGS = ((17, "transaction_timeout", "0"),)
# Of a database that is somebody else's: whatever runs in the session, the server refuses to write.
READ_ONLY = {"default_transaction_read_only": "on"}
# psycopg writes and reads text by it, and the server converts; a role may prefer one that lacks our letters.
ENCODING = "UTF8"
# For reading the catalogue: here nobody else can place a function or an operator that fits a call better than
# PostgreSQL's own (CVE-2018-1058). The pg_temp at the end is the session's own, and would else be searched first.
CATALOGUE = ("pg_catalog", "pg_temp")


def for_session(conninfo: str, *schemas: str, major: int = 0, read_only: bool = False) -> str:
    """Return `conninfo` with our settings, and with `schemas` as its search path if any are given.

    `major` is the server's version, if it is known by now. A `read_only` session can change nothing.
    """
    known = str(conninfo_to_dict(conninfo).get("options") or os.environ.get("PGOPTIONS", ""))
    settings = SETTINGS | newer_settings(major)
    if read_only:
        settings |= READ_ONLY
    if schemas:
        settings["search_path"] = ",".join(quoted(schema) for schema in schemas)
    added = [f"-c {name}={_escaped(value)}" for name, value in settings.items()]
    options = [known, *(one for one in added if one not in known)]
    return make_conninfo(conninfo, client_encoding=ENCODING, options=" ".join(options).strip())


def newer_settings(major: int) -> dict[str, str]:
    """Return those of Tailguard's settings that this server's version knows and the oldest versions do not."""
    return {name: value for since, name, value in NEWER_SETTINGS if major >= since}


def quoted(schema: str) -> str:
    """Write a schema's name as SQL has it, so that the server does not fold it."""
    return '"' + schema.replace('"', '""') + '"'


def _escaped(value: str) -> str:
    """Escape what separates the words of libpq's `options`."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def keep_to_catalogue(connection: Connection[Any]) -> None:
    """Take all schemas that others may write in off the session's search path."""
    connection.execute(f"SET search_path = {', '.join(CATALOGUE)}")


@contextmanager
def users_path(connection: Connection[Any]) -> Iterator[None]:
    """Look up names on the search path that the session began with: for the user's own statements alone."""
    row = connection.execute("SHOW search_path").fetchone()
    assert row is not None  # SHOW always answers
    connection.execute("SET search_path TO DEFAULT")
    try:
        yield
    finally:
        with suppress(Error):  # a failed transaction takes the change back by itself, a broken session ends
            connection.execute("SELECT pg_catalog.set_config('search_path', %s, false)", [row[0]])

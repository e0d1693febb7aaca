"""How a database is filled that is made for one block of a duet."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tailguard.postgres.location import connect, connect_to_catalogue
from tailguard.record.part import Part

log = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]

_IS_EMPTY = """
SELECT NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend
    WHERE refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
        AND refobjid = pg_catalog.to_regnamespace(pg_catalog.quote_ident(%s)) AND deptype = 'n'
)
"""


class OwnDatabase(Part, frozen=True, kw_only=True):
    """A database that is made for one process alone, and dropped whole by who made it; `conninfo` has the password.

    `filled` says that it is a copy of `keep_as`; if not, what fills it first is kept under that name.
    """

    conninfo: str
    keep_as: str
    filled: bool


@dataclass(slots=True)
class Filling:
    """Fills a database of its own: not at all the first time if it is a copy."""

    database: OwnDatabase
    begun: bool = False

    def fill(self, conninfo: str, schema: str, by: Callable[[str], object]) -> None:
        """Call `by` with `conninfo`, unless this is the first time and `database` is a copy of what that made.

        Nothing is kept if the schema holds something before: whoever made that makes it in each block.
        """
        first, self.begun = not self.begun, True
        if first and self.database.filled:
            return
        with connect_to_catalogue(conninfo) as connection:
            empty = connection.execute(_IS_EMPTY, (schema,)).fetchone() == (True,)
        by(conninfo)
        if first and empty:
            self._keep()

    def _keep(self) -> None:
        """Copy what is there; PostgreSQL does so only if nobody is connected to it."""
        mine = self.database.conninfo
        try:
            with connect(make_conninfo(mine, dbname="postgres")) as server:
                copy(server, str(conninfo_to_dict(mine)["dbname"]), self.database.keep_as)
        except psycopg.errors.ObjectInUse as error:
            log.info("each block fills its database: %s", error.diag.message_detail or error)


def copy(server: Connection, template: str, name: str) -> None:
    """Make the database `name`, a copy of `template`."""
    names = sql.Identifier(name), sql.Identifier(template)
    server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY wal_log").format(*names))

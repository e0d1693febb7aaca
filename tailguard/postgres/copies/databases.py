"""The databases of a duet's blocks in an embedded server: empty ones at first, then copies of what was filled."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import Self

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tailguard.postgres.copies.filling import Connection, OwnDatabase, copy
from tailguard.postgres.location import DatabaseError, connect

# ANALYZE looks at 300 rows for each unit of the target. What it drew of a larger table is drawn again for each copy:
# else one side might keep an unlucky plan in all blocks.
_SAMPLED = """
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND c.reltuples > 300 * pg_catalog.current_setting('default_statistics_target')::int
"""
_HAS_DATABASE = "SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = %s)"


class BlockDatabases:
    """Makes a database for each side of a block, those of the next block while nothing is measured.

    A context manager. A side is named by its folder: what its code fills is kept for it alone.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._kept: dict[str, str] = {}
        self._numbers = count(1)
        self._made: list[list[str]] = []  # names, block by block
        self._ahead: tuple[Sequence[str], Future[list[OwnDatabase]]] | None = None
        self._thread = ThreadPoolExecutor(1, "databases")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def of(self, folders: Sequence[str]) -> list[OwnDatabase]:
        """Return a fresh database for each side. Raises DatabaseError if it cannot be made."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            made = ahead[1].result()
            if ahead[0] == folders:
                return made
        return self._told(folders)

    def make_ahead(self, folders: Sequence[str]) -> None:
        """Begin with those of the next block, if it has the same sides; the present one still works in its own."""
        self._ahead = (folders, self._thread.submit(self._told, folders))

    def _told(self, folders: Sequence[str]) -> list[OwnDatabase]:
        try:
            return self._make(folders)
        except psycopg.Error as error:
            raise DatabaseError(f"The databases of a pair cannot be made: {str(error).strip()}") from error

    def _make(self, folders: Sequence[str]) -> list[OwnDatabase]:
        """First drop what no block works in any more: that ends with a checkpoint, which no copy shall meet."""
        number = next(self._numbers)
        names = [f"tailguard_block_{number}_{side}" for side in range(1, len(folders) + 1)]
        keeping = [
            self._kept.setdefault(folder, f"tailguard_filled_{len(self._kept) + 1}") for folder in folders
        ]
        with connect(self._dsn) as server:
            while len(self._made) > 1:
                _drop(server, self._made.pop(0))
            self._made.append(names)
            filled = [_create(server, *each) for each in zip(names, keeping, strict=True)]
        made = [
            OwnDatabase(conninfo=make_conninfo(self._dsn, dbname=name), keep_as=kept, filled=done)
            for name, kept, done in zip(names, keeping, filled, strict=True)
        ]
        for each in made:
            if each.filled:
                _analyse_anew(each.conninfo)
        return made


def _create(server: Connection, name: str, kept: str) -> bool:
    """Make a copy of what is kept, or an empty database if nothing is; tell which."""
    if filled := server.execute(_HAS_DATABASE, (kept,)).fetchone() == (True,):
        copy(server, kept, name)
    else:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return filled


def _drop(server: Connection, names: Sequence[str]) -> None:
    for name in names:
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _analyse_anew(conninfo: str) -> None:
    with connect(conninfo) as connection:
        for schema, table in connection.execute(_SAMPLED).fetchall():
            connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(str(schema), str(table))))

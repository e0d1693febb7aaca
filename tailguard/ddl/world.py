"""The databases that a proof works on: one that holds the tables as they are, and copies of it that are used up."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tailguard.postgres.database import Database
from tailguard.postgres.location import connect
from tailguard.postgres.server import Server
from tailguard.postgres.session import for_session


@dataclass(slots=True)
class World:
    """An embedded server with the tables in the database `base`; `path` are the schemas where the file finds them."""

    server: Server
    path: Sequence[str]
    base: str = "tailguard_0"
    prefix: str = "tailguard"
    _made: int = field(default=0, init=False)

    def make_base(self) -> None:
        """Create the empty database `base`."""
        self._execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.base)))

    def database(self, name: str) -> Database:
        """Return a database of the server by its name."""
        conninfo = make_conninfo(self.server.dsn, dbname=name)
        own = for_session(conninfo, *self.path)
        return Database(own, self.path[0], self.server.version, self.server.source, self.server.bin_dir)

    def name_of(self, database: Database) -> str:
        """Return the name of a database that this world gave."""
        return str(conninfo_to_dict(database.conninfo)["dbname"])

    @contextmanager
    def copy(self) -> Iterator[Database]:
        """Give a copy of the base, dropped at the end of the block."""
        name = self._copied()
        try:
            yield self.database(name)
        finally:
            self._drop(name)

    @contextmanager
    def fork(self) -> Iterator["World"]:
        """Give a world of its own that begins as this one is, dropped at the end of the block."""
        world = World(self.server, self.path, self._copied(), prefix=f"{self.base}_{self._made}")
        try:
            yield world
        finally:
            world._drop(world.base)  # of the same class

    @contextmanager
    def advance(self) -> Iterator[Database]:
        """Give a copy of the base that takes the base's place if the block ends well."""
        name = self._copied()
        try:
            yield self.database(name)
        except BaseException:
            self._drop(name)
            raise
        self._drop(self.base)
        self.base = name

    def _copied(self) -> str:
        """Copy the files of the base as they are: it is small, and a copy by log takes twice as long."""
        self._made += 1
        name = f"{self.prefix}_{self._made}"
        statement = "CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY"
        self._execute(sql.SQL(statement).format(sql.Identifier(name), sql.Identifier(self.base)))
        return name

    def _drop(self, name: str) -> None:
        self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        with connect(self.server.dsn) as connection:
            connection.execute(statement)

"""The reference platform's parts as plain data: whichever process opens it, opens the same one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

import tailguard as tg
from perf.store import Store
from reference.certificates import Metrics
from reference.database import Database, create_tables
from reference.faults import Faults
from reference.platform import DeltaCrown
from reference.seed import NAMES
from reference.tokens import Tokens
from tailguard.postgres import connect

# Of the tokens that others get, who cannot sign new ones: no test lasts longer.
LAST_S = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Access:
    """What another process needs to speak to the reference platform over HTTP: a token of each user, 1 and up."""

    tokens: Sequence[str] = field(repr=False)
    spectator: int

    def token(self, user_id: int) -> str:
        return self.tokens[user_id - 1]


@dataclass(frozen=True, slots=True)
class DatabaseAccess:
    """How the platform gets its connections (reference/lenders.py), how many it keeps at most, and how many of the
    server's are held by others meanwhile.
    """

    connections: str
    size: int
    others: int


@dataclass(frozen=True, slots=True)
class Reference(tg.Withheld):
    """`secret` signs its tokens, `faults` are those of TAILGUARD_FAULTS. Users are 1 to `spectator`, whom subscribers
    come as. `conninfo` is a pooler's if the connections are "pgbouncer".
    """

    conninfo: str = field(repr=False)
    secret: str = field(repr=False)
    faults: str
    store: Store | None
    spectator: int
    access: DatabaseAccess

    def for_workers(self) -> Access:
        """Return its tokens, without the secret and the database."""
        tokens = Tokens(self.secret)
        users = range(1, self.spectator + 1)
        return Access([tokens.mint(user, lasts_s=LAST_S) for user in users], self.spectator)

    def token(self, user_id: int) -> str:
        return Tokens(self.secret).mint(user_id)

    def database(self) -> Database:
        """Return connections as the platform has them."""
        return Database(self.conninfo, size=self.access.size, connections=self.access.connections)

    @contextmanager
    def open(self) -> Iterator[tuple[DeltaCrown, Metrics]]:
        """Open it while the `with` lasts; its storage counts in the metrics."""
        metrics = Metrics()
        storage = self.store.open(metrics) if self.store else None
        platform = DeltaCrown(
            self.conninfo, storage=storage, secret=self.secret, faults=Faults.parse(self.faults),
            pool_size=self.access.size, connections=self.access.connections,
        )  # fmt: skip
        try:
            yield platform, metrics
        finally:
            platform.close()


def make_tables(conninfo: str, schema: str | None = None) -> None:
    """Create the platform's tables; before that, refuse a database whose encoding lacks letters (UsageError)."""
    with connect(conninfo) as connection:
        try:
            connection.execute("SELECT %s::text", [" ".join(NAMES)])
        except psycopg.errors.UntranslatableCharacter as error:
            encoding = connection.info.parameter_status("server_encoding")
            raise tg.UsageError(
                f"The database {connection.info.dbname} has the encoding {encoding}, which lacks letters of the seeded "
                f"names, such as {NAMES[1]}: use a database made with ENCODING 'UTF8'."
            ) from error
    create_tables(conninfo, schema)

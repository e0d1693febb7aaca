"""The databases of a duet's blocks: what the first block of a side fills, the later ones find in a copy."""

from collections.abc import Iterator

import pytest

from tailguard.postgres.copies.databases import BlockDatabases
from tailguard.postgres.copies.filling import Filling, OwnDatabase
from tailguard.postgres.database import Database, schema_alone
from tailguard.postgres.location import connect
from tailguard.postgres.reader import Postgres
from tailguard.postgres.server import Server

pytestmark = pytest.mark.system


@pytest.fixture
def databases(postgres: Server) -> Iterator[BlockDatabases]:
    with BlockDatabases(postgres.dsn) as found:
        yield found
    with connect(postgres.dsn) as server:
        for (name,) in server.execute(
            "SELECT datname FROM pg_database WHERE datname ~ '^tailguard_(block|filled)_'"
        ):
            server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def opened(own: OwnDatabase) -> tuple[Database, Postgres]:
    """The database as a block's process has it, and as its fixtures get it."""
    found = schema_alone(own.conninfo, "tailguard_abc_baseline", exists=own.filled)
    return found, Postgres(found.conninfo, found.schema, found.version, found.source, Filling(own))


def make_hats(conninfo: str) -> None:
    with connect(conninfo) as connection:
        connection.execute("CREATE TABLE hat (id int PRIMARY KEY)")
        connection.execute("INSERT INTO hat SELECT generate_series(1, 100)")


def make_shoes(conninfo: str) -> None:
    with connect(conninfo) as connection:
        connection.execute("CREATE TABLE shoe (id int PRIMARY KEY)")


def count(database: Database, table: str) -> object:
    with database.connect() as connection:
        return connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()


def never(_conninfo: str) -> None:
    raise AssertionError("filled again")


def test_the_first_block_fills_and_the_next_has_its_rows_without_what_the_first_did(
    databases: BlockDatabases,
) -> None:
    [own] = databases.of(["side"])
    database, postgres = opened(own)
    postgres.fill(make_hats)
    with database.connect() as connection:
        connection.execute("DELETE FROM hat")
    databases.make_ahead(["side"])
    [later] = databases.of(["side"])
    database, postgres = opened(later)
    postgres.fill(never)
    assert later.conninfo != own.conninfo
    assert count(database, "hat") == (100,)


def test_what_a_second_fixture_fills_is_made_in_every_block(databases: BlockDatabases) -> None:
    for _ in range(2):
        database, postgres = opened(databases.of(["side"])[0])
        postgres.fill(make_hats)  # which a second time would find the table there
        postgres.fill(make_shoes)
        assert (count(database, "hat"), count(database, "shoe")) == ((100,), (0,))


def test_rows_that_were_there_before_the_fill_are_not_kept(databases: BlockDatabases) -> None:
    for _ in range(2):
        [own] = databases.of(["side"])
        database, postgres = opened(own)
        make_shoes(database.conninfo)
        postgres.fill(make_hats)
        assert not own.filled
        assert (count(database, "hat"), count(database, "shoe")) == ((100,), (0,))


def test_each_sides_code_fills_its_own(databases: BlockDatabases) -> None:
    for _ in range(2):
        old, new = map(opened, databases.of(["baseline", "candidate"]))
        old[1].fill(make_hats)
        new[1].fill(make_shoes)
        assert count(old[0], "hat") == (100,)
        assert count(new[0], "shoe") == (0,)
    old, other = map(opened, databases.of(["baseline", "another commit"]))  # as a bisection goes on
    other[1].fill(make_shoes)
    assert count(old[0], "hat") == (100,)
    assert count(other[0], "shoe") == (0,)


@pytest.mark.proof  # PostgreSQL waits five seconds for the others to go
def test_a_fill_that_leaves_a_connection_open_is_done_in_every_block(databases: BlockDatabases) -> None:
    for _ in range(2):
        database, postgres = opened(databases.of(["side"])[0])
        with connect(database.conninfo):
            postgres.fill(make_hats)
        assert count(database, "hat") == (100,)


def test_of_old_blocks_no_database_is_left_but_the_last_ones(
    databases: BlockDatabases, postgres: Server
) -> None:
    for _ in range(4):
        databases.of(["side"])
    with connect(postgres.dsn) as server:
        names = server.execute(
            "SELECT datname FROM pg_database WHERE datname ~ '^tailguard_block_'"
        ).fetchall()
    assert sorted(names) == [("tailguard_block_3_1",), ("tailguard_block_4_1",)]


def test_tables_that_analyze_samples_are_analysed_anew_in_each_copy(databases: BlockDatabases) -> None:
    """Otherwise one unlucky sample would be a side's plan in all blocks."""

    def make_many(conninfo: str) -> None:
        with connect(conninfo) as connection:
            connection.execute(
                "CREATE TABLE many AS SELECT n, n % 10 AS kind FROM generate_series(1, 60000) n"
            )
            connection.execute("CREATE TABLE few AS SELECT 1 AS n")
            connection.execute("ANALYZE")

    opened(databases.of(["side"])[0])[1].fill(make_many)
    database, _ = opened(databases.of(["side"])[0])
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT relname FROM pg_stat_user_tables WHERE last_analyze IS NOT NULL ORDER BY 1"
        ).fetchall()
    assert rows == [("many",)]

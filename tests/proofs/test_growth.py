"""How the gain grows with the table, warm and cold, on a real server."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from reference.database import create_tables
from reference.seed import SeedSize, seed_histories
from tailguard.migrations.index import find_index, find_table
from tailguard.migrations.migration import find_migration, read_folder
from tailguard.migrations.runner import Runner
from tailguard.migrations.text.query import Query
from tailguard.postgres.database import Database
from tailguard.postgres.server import Server
from tailguard.proofs.cold import EVICT, CannotEvictError, measure_cold
from tailguard.proofs.evidence.evidence import prove_small
from tailguard.proofs.growth import growth_row
from tailguard.report.text.proof_lines import proof_lines
from tests.support.made_migration import migration
from tests.support.made_proof import growth_row as made_row
from tests.support.suite import MIGRATIONS

LEDGER = Query(
    "SELECT count(*) FROM economy_economytransaction WHERE wallet_id = %(wallet_id)s", {"wallet_id": 42}
)


@pytest.fixture
def seeded(database: Database) -> Database:
    create_tables(database.conninfo)
    seed_histories(database.conninfo, size=SeedSize(ledger_rows=20_000, moderation_rows=2_000))
    return database


def test_a_cold_query_reads_what_a_warm_one_finds(seeded: Database) -> None:
    with seeded.connect() as connection:
        table = find_table(connection, "economy_economytransaction")
        if int(seeded.version.split(".")[0]) < 18:
            with pytest.raises(CannotEvictError, match="needs PostgreSQL 18"):
                measure_cold(connection, table, LEDGER, create=True)
            return
        found = measure_cold(connection, table, LEDGER, create=True)
    assert found.blocks_read > 100
    assert found.server_ms.n == 8


@pytest.fixture
def of_a_user(postgres: Server) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a database that has a table t, and no extension."""
    with psycopg.connect(postgres.dsn, autocommit=True) as keeper:
        keeper.execute("CREATE DATABASE of_a_user TEMPLATE template0")
        try:
            with psycopg.connect(postgres.dsn, dbname="of_a_user", autocommit=True) as connection:
                connection.execute("CREATE TABLE t (a int)")
                yield connection
        finally:
            keeper.execute("DROP DATABASE of_a_user WITH (FORCE)")


def test_nothing_is_installed_on_a_server_that_is_not_ours(of_a_user: psycopg.Connection[Any]) -> None:
    with pytest.raises(CannotEvictError, match="needs PostgreSQL 18 and its extension"):
        measure_cold(of_a_user, find_table(of_a_user, "t"), Query("SELECT a FROM t", {}))
    assert of_a_user.execute("SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'").fetchall() == []


def test_somebody_elses_function_of_that_name_is_not_called(of_a_user: psycopg.Connection[Any]) -> None:
    of_a_user.execute(
        f"CREATE TABLE called (); CREATE FUNCTION public.{EVICT}(relation regclass) RETURNS void"
        " LANGUAGE sql AS 'ALTER TABLE called ADD by_us int'"
    )
    with pytest.raises(CannotEvictError, match="needs PostgreSQL 18 and its extension"):
        measure_cold(of_a_user, find_table(of_a_user, "t"), Query("SELECT a FROM t", {}))
    assert of_a_user.execute("SELECT * FROM called").description == []


def test_a_user_who_may_not_evict_is_told_what_it_needs(seeded: Database) -> None:
    with seeded.connect() as connection:
        connection.execute("SET ROLE pg_read_all_data")
        table = find_table(connection, "economy_economytransaction")
        with pytest.raises(CannotEvictError, match="needs PostgreSQL 18 and its extension pg_buffercache"):
            measure_cold(connection, table, LEDGER)


@pytest.mark.system
def test_a_row_holds_both_sides_and_leaves_the_index_built(seeded: Database) -> None:
    wallet = find_migration(read_folder(MIGRATIONS), "0001")
    (proof,) = prove_small(seeded, [wallet], repeats=8)
    assert proof.evidence is not None
    row = growth_row(seeded, wallet, proof.evidence, Runner(seeded))
    assert row.rows == 20_000
    assert row.table_bytes > row.index_bytes > 0
    assert row.before.blocks.total > 3 * row.after.blocks.total
    if row.before.cold is not None:
        assert row.before.cold.blocks_read > row.after.cold.blocks_read > 0
    else:
        assert "needs PostgreSQL 18" in row.before.cold_absent
    with seeded.connect() as connection:
        table = find_table(connection, wallet.build.table)
        index = find_index(connection, table, wallet.index)
    assert index is not None
    assert index.usable


def test_a_size_without_cold_times_shows_a_dash() -> None:
    row = made_row()
    same = replace(row, after=row.before)
    entry = replace(migration(), growth=(same,))
    lines = list(proof_lines(entry, ()))
    assert any(line.split() == ["90,000", "10", "ms", "10", "ms", "—", "—"] for line in lines)

"""How the gain grows with the table, warm and cold, on a real server."""

import psycopg
import pytest

from reference.database import create_tables
from reference.seed import SeedSize, seed_histories
from tailguard.cli.migrate.proof_lines import proof_lines
from tailguard.migrations.index import find_index, find_table
from tailguard.migrations.migration import Query, find_migration, load_migrations
from tailguard.migrations.runner import Runner
from tailguard.postgres.database import Database
from tailguard.postgres.server import Server
from tailguard.proofs.cold import measure_cold
from tailguard.proofs.evidence.evidence import prove_small
from tailguard.proofs.growth import growth_row
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
        found = measure_cold(
            connection, find_table(connection, "economy_economytransaction"), LEDGER, create=True
        )
    if int(seeded.version.split(".")[0]) < 18:
        assert "needs PostgreSQL 18" in found["absent"]
        return
    assert found["blocks_read"] > 100
    assert found["server_ms"]["n"] == 8


def test_nothing_is_installed_on_a_server_that_is_not_ours(postgres: Server) -> None:
    with psycopg.connect(postgres.dsn, autocommit=True) as keeper:
        keeper.execute("CREATE DATABASE of_a_user TEMPLATE template0")
        try:
            with psycopg.connect(postgres.dsn, dbname="of_a_user", autocommit=True) as connection:
                connection.execute("CREATE TABLE t (a int)")
                found = measure_cold(connection, find_table(connection, "t"), Query("SELECT a FROM t", {}))
                made = connection.execute(
                    "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'"
                ).fetchall()
        finally:
            keeper.execute("DROP DATABASE of_a_user WITH (FORCE)")
    assert "needs PostgreSQL 18 and its extension" in found["absent"]
    assert made == []


def test_a_user_who_may_not_evict_is_told_what_it_needs(seeded: Database) -> None:
    with seeded.connect() as connection:
        connection.execute("SET ROLE pg_read_all_data")
        found = measure_cold(connection, find_table(connection, "economy_economytransaction"), LEDGER)
    assert "needs PostgreSQL 18 and its extension pg_buffercache" in found["absent"]


def test_a_row_holds_both_sides_and_leaves_the_index_built(seeded: Database) -> None:
    migration = find_migration(load_migrations(MIGRATIONS), "0001")
    (record,) = prove_small(seeded, [migration], repeats=8)
    row = growth_row(seeded, migration, record, Runner(seeded))
    assert row["rows"] == 20_000
    assert row["table_bytes"] > row["index_bytes"] > 0
    before, after = (sum(row[side]["blocks"].values()) for side in ("before", "after"))
    assert before > 3 * after
    if "blocks_read" in row["before"]["cold"]:
        assert row["before"]["cold"]["blocks_read"] > row["after"]["cold"]["blocks_read"] > 0
    with seeded.connect() as connection:
        table = find_table(connection, migration.build.table)
        index = find_index(connection, table, migration.index)
    assert index is not None
    assert index.usable


def test_a_size_without_cold_times_shows_a_dash() -> None:
    side = {"server_ms": {"median": 2.0}, "blocks": {"hit": 9, "read": 0}, "cold": {"absent": "no"}}
    record = {
        "number": "1",
        "slug": "x",
        "state": "PASS",
        "why": "w",
        "growth": [{"rows": 90_000, "before": side, "after": side}],
    }
    lines = list(proof_lines(record))
    assert any(line.split() == ["90,000", "2", "ms", "2", "ms", "—", "—"] for line in lines)

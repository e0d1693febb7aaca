"""A migration that removes an index: proved by what each write saves, refused where a known query needs the index."""

from dataclasses import replace
from pathlib import Path

import pytest

from tailguard.base.errors import UsageError
from tailguard.migrations.index import find_index, find_table
from tailguard.migrations.lint import lint_folder
from tailguard.migrations.migration import Migration, find_migration, load_migrations
from tailguard.migrations.runner import Runner
from tailguard.migrations.sql import statements
from tailguard.migrations.status import status_of
from tailguard.postgres.database import Database
from tailguard.proofs.evidence.evidence import on_the_same_table, prove_small
from tailguard.proofs.load.reader import long_reader
from tailguard.proofs.prove import LiveOptions, LiveProof
from tailguard.proofs.removal import RemovalProof, saving
from tests.support.migration_world import eventually

pytestmark = pytest.mark.system

EXAMPLES = Path(__file__).resolve().parents[2] / "migrations_sql" / "examples"


@pytest.fixture
def ledger(database: Database) -> Database:
    """The examples' own tables, small."""
    with database.connect() as connection:
        for statement in statements((EXAMPLES / "seed" / "tables.sql").read_text(encoding="utf-8")):
            connection.execute(statement.encode(), {"rows": 20_000} if "%(rows)s" in statement else None)
    return database


def example(name: str) -> Migration:
    return find_migration(load_migrations(EXAMPLES), name)


def proof(database: Database, migration: Migration) -> RemovalProof:
    known = {one.name: one for one in load_migrations(EXAMPLES)}
    return RemovalProof(database, migration, on_the_same_table(migration, known), repeats=3)


def present(database: Database, migration: Migration) -> bool:
    with database.connect() as connection:
        table = find_table(connection, migration.build.table)
        return find_index(connection, table, migration.index) is not None


def test_the_examples_are_clean_and_are_what_they_say() -> None:
    assert lint_folder(EXAMPLES) == []
    assert [one.removal for one in load_migrations(EXAMPLES)] == [False, True, True]


def test_a_rare_and_an_absent_ref_gain_the_most_from_the_audit_index(ledger) -> None:
    migration = example("0001")
    (found,) = prove_small(ledger, [migration], repeats=3)
    assert found["state"] == "PASS", found["why"]
    also = {c["name"].split("with ")[-1]: c for c in found["checks"] if "with ref_id" in c["name"]}
    for ref in ("ref_id = 900001 not worse", "ref_id = 999999 not worse"):
        before, after = (int(also[ref][key].split()[0].rstrip(",")) for key in ("expected", "observed"))
        assert after <= 6 < before


def test_up_of_a_removal_drops_and_down_builds_again_though_another_index_serves_the_same(ledger) -> None:
    migration, runner = example("0002"), Runner(ledger)
    with ledger.connect() as connection:
        assert status_of(connection, migration).next_step == "drop it"
        assert runner.up(migration).done == "dropped"
        done = status_of(connection, migration)
        assert (done.state, done.next_step, done.recorded.split()[0]) == ("absent", "nothing", "up")
        assert runner.down(migration).done == "built, valid"
        assert status_of(connection, migration).recorded.split()[0] == "down"
    assert present(ledger, migration)


def test_a_redundant_index_may_go_and_the_record_says_what_that_saves(ledger) -> None:
    migration = example("0002")
    found = proof(ledger, migration).record()
    assert found["state"] == "PASS", found["why"]
    assert [turn["action"] for turn in found["cycle"]] == ["up", "down", "up"]
    watched = [check["name"] for check in found["checks"] if check["name"].endswith("not worse")]
    assert len(watched) == 3  # its own query, the same for an absent wallet, and the sum
    wal = found["removal"]["cost"]["wal_bytes_a_row"]
    assert wal["after"] > wal["before"] > 0
    assert "of WAL a row" in found["removal"]["saving"]
    assert not present(ledger, migration)


def test_an_index_that_a_known_query_needs_must_not_go(ledger) -> None:
    with ledger.connect() as connection:
        for name in ("ledger_wallet_created", "ledger_wallet_id", "ledger_wallet_again"):
            connection.execute(f"DROP INDEX {name}")
    found = proof(ledger, example("0002")).record()
    assert found["state"] == "FAIL"
    assert "not worse: expected" in found["why"]


def test_an_index_that_is_not_there_cannot_be_proved_away(ledger) -> None:
    with ledger.connect() as connection:
        connection.execute("DROP INDEX ledger_wallet")
    found = proof(ledger, example("0002")).record()
    assert found["state"] == "FAIL"
    assert "valid and ready before" in found["why"]


def test_a_table_that_does_not_exist_is_invalid_and_named(ledger) -> None:
    migration = example("0002")
    lost = replace(migration, build=replace(migration.build, table="absent"))
    found = RemovalProof(ledger, lost, {}, repeats=2).record()
    assert (found["state"], "absent" in found["why"]) == ("INVALID", True)


@pytest.mark.proof
def test_a_drop_behind_a_long_reader_stalls_nobody_where_a_plain_one_makes_even_readers_queue(ledger) -> None:
    migration = example("0002")
    live = LiveProof(ledger, migration, LiveOptions(baseline_s=1.0, calibration_s=0.5)).record()
    states = {verdict["name"]: verdict["state"] for verdict in live["verdicts"]}
    assert states["positive control"] == "PASS", live["verdicts"]
    assert "FAIL" not in states.values(), live["verdicts"]
    assert (live["statement"], live["cost"]) == ("DROP INDEX", None)
    held_up_ms = live["control"]["felt"]["readers"]["longest_ms"]
    assert held_up_ms > 500 * live["control"]["seconds"]
    assert not present(ledger, migration)


def test_a_reader_who_takes_his_time_is_gone_after_it_and_when_nobody_waits_any_more(ledger) -> None:
    with ledger.connect() as connection:
        table = find_table(connection, example("0002").build.table)
        locks = "SELECT count(*) FROM pg_locks WHERE relation = %s AND mode = 'AccessShareLock'"
        with long_reader(ledger, table, 0.3):
            assert connection.execute(locks, [table.oid]).fetchone() == (1,)
            eventually(lambda: connection.execute(locks, [table.oid]).fetchone() == (0,))
        with long_reader(ledger, table, 600.0):
            pass
        assert connection.execute(locks, [table.oid]).fetchone() == (0,)


def test_noise_is_told_as_noise() -> None:
    cost = {
        "writes": {"insert": {"ratio": {"value": 1.04, "low": 0.91, "high": 1.07}}},
        "wal_bytes_a_row": {"before": 500.0, "after": 575.0},
    }
    text = saving(cost, 2 * 2**20)
    assert "2 MiB of disk, 75 B of WAL a row (13 %)" in text
    assert "noise hides" in text


@pytest.mark.parametrize(
    ("down", "message"),
    [
        ("SELECT 1;", "expected CREATE"),
        ("CREATE INDEX CONCURRENTLY j ON t (a);", "drops i, but .* builds j"),
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);", "IF NOT EXISTS"),
    ],
)
def test_a_removal_whose_way_back_does_not_build_the_same_index_is_refused(
    tmp_path: Path, down: str, message: str
) -> None:
    for part, text in (("up", "DROP INDEX CONCURRENTLY i;"), ("down", down), ("query", "SELECT 1;")):
        (tmp_path / f"0001_i.{part}.sql").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        load_migrations(tmp_path)


def test_more_example_values_are_watched_and_must_name_the_same_parameters(tmp_path: Path) -> None:
    files = {"up": "CREATE INDEX CONCURRENTLY i ON t (a);", "down": "DROP INDEX CONCURRENTLY i;"}
    files["query"] = (
        '-- parameters: {"a": 1}\n-- also: {"a": 2}\n-- also: {"b": 3}\nSELECT a FROM t WHERE a = %(a)s;'
    )
    for part, text in files.items():
        (tmp_path / f"0001_i.{part}.sql").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"declared are \{'b': 3\}"):
        load_migrations(tmp_path)
    query = files["query"].replace('-- also: {"b": 3}\n', "")
    (tmp_path / "0001_i.query.sql").write_text(query, encoding="utf-8")
    (migration,) = load_migrations(tmp_path)
    assert list(on_the_same_table(migration, {migration.name: migration})) == ["0001_i with a = 2"]

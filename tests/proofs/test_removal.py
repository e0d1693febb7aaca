"""A migration that removes an index: proven by what each write saves, refused where a known query needs the index."""

from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from tailguard.base.errors import UsageError
from tailguard.migrations.index import find_index, find_table
from tailguard.migrations.lint.check import lint_folder
from tailguard.migrations.migration import Migration, find_migration, load_migrations, read_folder
from tailguard.migrations.runner import Runner
from tailguard.migrations.status import status_of
from tailguard.migrations.text.sql import statements
from tailguard.postgres.database import Database
from tailguard.proofs.evidence.evidence import on_the_same_table, prove_small
from tailguard.proofs.live_options import LiveOptions
from tailguard.proofs.load.reader import long_reader
from tailguard.proofs.proof import Proof
from tailguard.proofs.under_load import prove_under_load
from tailguard.record.migration import IndexCost, WalBytes, WriteCost, WriteTimes
from tailguard.report.views.proof.sentences import saving
from tests.support import made_proof
from tests.support.judged_proof import answers, state_of, why_of
from tests.support.made_migration import median
from tests.support.waiting import eventually

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
    return find_migration(read_folder(EXAMPLES), name)


def proof(database: Database, migration: Migration) -> Proof:
    (proved,) = prove_small(database, [migration], repeats=3, known_migrations=load_migrations(EXAMPLES))
    return proved


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
    assert state_of(found) == "PASS", why_of(found)
    also = {name.split("with ")[-1]: each for name, each in answers(found).items() if "with ref_id" in name}
    for ref in ("ref_id = 900001 not worse", "ref_id = 999999 not worse"):
        texts = also[ref].expected, also[ref].observed
        before, after = (int(text.split()[0].rstrip(",")) for text in texts)
        assert after <= 6 < before


def test_up_of_a_removal_drops_and_down_builds_again_though_another_index_serves_the_same(ledger) -> None:
    migration, runner = example("0002"), Runner(ledger)
    with ledger.connect() as connection:
        assert status_of(connection, migration).next_step == "drop ledger_wallet"
        assert runner.up(migration).done == "dropped"
        done = status_of(connection, migration)
        assert (done.state, done.next_step, done.recorded.split()[0]) == ("absent", "nothing", "up")
        assert runner.down(migration).done == "built, valid"
        assert status_of(connection, migration).recorded.split()[0] == "down"
    assert present(ledger, migration)


def test_a_redundant_index_may_go_and_the_record_says_what_that_saves(ledger) -> None:
    migration = example("0002")
    found = proof(ledger, migration)
    assert state_of(found) == "PASS", why_of(found)
    assert [(step.action, step.index is None) for step in found.cycle] == [
        ("up", True),
        ("down", False),
        ("up", True),
    ]
    watched = [name for name in answers(found) if name.endswith("not worse")]
    assert len(watched) == 3  # its own query, the same for an absent wallet, and the sum
    assert found.cost is not None
    wal = found.cost.wal_bytes_per_row
    assert wal.after > wal.before > 0
    assert "of WAL per row" in why_of(found)
    assert not present(ledger, migration)


def test_an_index_that_a_known_query_needs_must_not_go(ledger) -> None:
    with ledger.connect() as connection:
        for name in ("ledger_wallet_created", "ledger_wallet_id", "ledger_wallet_again"):
            connection.execute(f"DROP INDEX {name}")
    found = proof(ledger, example("0002"))
    assert state_of(found) == "FAIL"
    assert "not worse: expected" in why_of(found)


def test_an_index_that_is_not_there_cannot_be_proved_away(ledger) -> None:
    with ledger.connect() as connection:
        connection.execute("DROP INDEX ledger_wallet")
    found = proof(ledger, example("0002"))
    assert state_of(found) == "FAIL"
    assert "valid and ready before" in why_of(found)


def test_a_table_that_does_not_exist_is_invalid_and_named(ledger) -> None:
    migration = example("0002")
    lost = replace(migration, build=replace(migration.build, table="absent"))
    (found,) = prove_small(ledger, [lost], repeats=2)
    assert (state_of(found), "absent" in why_of(found)) == ("INVALID", True)


@pytest.mark.proof
def test_a_drop_behind_a_long_reader_stalls_nobody_where_a_plain_one_makes_even_readers_queue(ledger) -> None:
    migration = example("0002")
    found = Proof(migration)
    sent = prove_under_load(found, ledger, LiveOptions(baseline_s=1.0, calibration_s=0.5))
    asked = answers(found, sent)
    assert asked["positive control"].state == "PASS", asked
    assert "FAIL" not in [verdict.state for verdict in asked.values()], asked
    assert (found.entry.statement, found.cost) == ("DROP INDEX", None)
    assert found.live is not None
    assert found.live.control is not None
    control = found.live.control
    assert control.impact["readers"].longest_ms > 500 * control.seconds
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
    took = WriteTimes(p50=median(0.05), p95=median(0.05), hot=None)
    ratio = structs.replace(median(1.04), low=0.91, high=1.07)
    cost = IndexCost(
        rows=1000,
        writes={"insert": WriteCost(before=took, after=took, ratio=ratio)},
        wal_bytes_per_row=WalBytes(before=500.0, after=575.0),
    )
    text = saving(structs.replace(made_proof.removed(), index_bytes=2 * 2**20), cost)
    assert "2 MiB of disk, 75 B of WAL per row (13 %)" in text
    assert "within this machine's noise" in text


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
    with pytest.raises(UsageError, match=r"declared are \['b'\]"):
        _ = load_migrations(tmp_path)[0].query
    query = files["query"].replace('-- also: {"b": 3}\n', "")
    (tmp_path / "0001_i.query.sql").write_text(query, encoding="utf-8")
    (migration,) = load_migrations(tmp_path)
    assert list(on_the_same_table(migration, {migration.name: migration})) == ["0001_i with a = 2"]

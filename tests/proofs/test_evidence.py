"""The evidence of a migration: gathered from real plans, and broken where the index does not keep its promise."""

import json
from dataclasses import replace

import pytest

from tailguard.migrations.migration import Query
from tailguard.proofs.evidence.evidence import prove_small
from tailguard.proofs.evidence.query import spread
from tailguard.record.plan import parse_plan
from tests.support.migration_world import (
    DOWN,
    INDEX,
    OLD_SNAPSHOT,
    UP,
    make_ledger,
    migration,
    open_transaction,
    state,
)

ROWS = 20_000


@pytest.fixture(autouse=True)
def tables(database):
    make_ledger(database, ROWS)


def prove(database, proved=None, **options):
    (record,) = prove_small(database, [proved or migration()], repeats=8, **options)
    return record


def held(record):
    return {check["name"]: check["held"] for check in record["checks"]}


def test_a_good_index_is_proved_once_round(database, tmp_path):
    said = []
    record = prove(database, on_progress=said.append, plans_dir=tmp_path / "plans")
    assert record["state"] == "PASS", record["why"]
    assert set(held(record)) == {
        "Index Scan on the new index",
        "no Sort",
        "fewer blocks",
        "same number of rows",
        "one plan in all executions",
        "valid and ready after up",
        "down removed the index",
        "valid and ready after up again",
    }
    assert [turn["action"] for turn in record["cycle"]] == ["up", "down", "up"]
    assert record["rows"] == ROWS
    assert record["index_bytes"] > 100_000
    assert record["build_s"] == record["cycle"][0]["seconds"] > 0
    assert len(said) == 5
    assert state(database) == (True, True)


def test_the_record_tells_server_and_client_time_apart_and_keeps_every_plan(database, tmp_path):
    record = prove(database, plans_dir=tmp_path / "plans")
    for when in ("before", "after"):
        side = record[when]
        kept = json.loads((tmp_path / side["plan_files"][0]).read_text(encoding="utf-8"))
        times = sorted(plan["Execution Time"] for plan in kept)
        assert side["server_ms"]["n"] == side["client_ms"]["n"] == len(kept) == 8
        assert side["server_ms"]["median"] in times
        assert side["plan"] in [plan["Plan"] for plan in kept]
        assert side["text"].splitlines()[0].startswith("Limit")
        assert side["rows"] == 5
    assert sum(record["after"]["blocks"].values()) < sum(record["before"]["blocks"].values())
    assert json.loads(json.dumps(record)) == record


def test_the_changed_nodes_are_told(database):
    changes = {change["change"]: (change["before"], change["after"]) for change in prove(database)["changes"]}
    assert changes["replaced"] == ("Seq Scan on ledger", f"Index Scan using {INDEX} on ledger")
    assert changes["removed"] == ("Sort", None)


def test_an_index_that_leaves_the_sort_fails_and_says_why(database):
    """The control: an index on the wallet alone finds the rows, and still sorts them."""
    record = prove(database, migration(f"CREATE INDEX CONCURRENTLY {INDEX} ON ledger (wallet_id)"))
    assert record["state"] == "FAIL"
    assert not held(record)["no Sort"]
    assert "no Sort: expected rows come in order, observed a Sort" in record["why"]


def test_an_index_that_the_query_does_not_use_fails(database):
    record = prove(database, migration(f"CREATE INDEX CONCURRENTLY {INDEX} ON ledger (note)"))
    assert record["state"] == "FAIL"
    assert not held(record)["Index Scan on the new index"]
    assert not held(record)["fewer blocks"]


def test_a_migration_that_cannot_be_applied_is_invalid_with_the_reason(database):
    record = prove(database, migration("CREATE INDEX CONCURRENTLY i ON absent (id)"))
    assert record["state"] == "INVALID"
    assert "no table absent" in record["why"]
    assert record["checks"] == []


def test_a_migration_held_up_is_inconclusive(database, monkeypatch):
    monkeypatch.setattr("tailguard.proofs.evidence.evidence.DEADLINE_S", 0.3)
    with open_transaction(database, OLD_SNAPSHOT):
        record = prove(database)
    assert record["state"] == "INCONCLUSIVE"
    assert "waiting for old snapshots" in record["why"]


def test_an_index_that_was_there_is_taken_away_for_the_measurement_before(database):
    with database.connect() as connection:
        connection.execute(UP)
    record = prove(database)
    assert record["state"] == "PASS"
    assert not parse_plan({"Plan": record["before"]["plan"]}).indexes
    assert record["down_sql"] == DOWN


def other(query):
    """Another migration on the same table, with a query of its own."""
    return replace(migration(), number="0010", slug="other", query=Query(query, {}))


def test_other_known_queries_of_the_table_are_watched(database):
    record = prove(database, known_migrations=[other("SELECT count(*) FROM ledger WHERE note = 'x'")])
    assert held(record)["query of 0010_other not worse"]
    assert record["state"] == "PASS"


def test_a_known_query_that_the_index_leads_astray_fails_the_proof(database):
    """An old trap: newest first with a filter. The planner walks the new index and finds next to nothing."""
    trap = "SELECT id FROM ledger WHERE position('zzz' IN note) > 0 ORDER BY created DESC LIMIT 1"
    record = prove(
        database,
        migration(f"CREATE INDEX CONCURRENTLY {INDEX} ON ledger (created DESC)"),
        known_migrations=[other(trap)],
    )
    (check,) = [check for check in record["checks"] if check["name"] == "query of 0010_other not worse"]
    assert not check["held"], check
    assert "by another plan" in check["observed"]
    assert record["state"] == "FAIL"


def test_too_few_values_have_a_median_and_no_interval():
    assert spread([3.0, 1.0, 2.0]) == {"median": 2.0, "low": None, "high": None, "level": 0.99, "n": 3}

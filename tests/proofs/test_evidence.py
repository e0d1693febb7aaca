"""The evidence of a migration: gathered from real plans, and broken where the index does not keep its promise."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tailguard.compare.plan_comparison import match_plans
from tailguard.engine.quantiles import estimate
from tailguard.judge.proof.plan import describe, parse_plan
from tailguard.migrations.limits import Limits
from tailguard.migrations.migration import Migration
from tailguard.migrations.text.query import Query
from tailguard.postgres.database import Database
from tailguard.proofs.evidence.evidence import prove_small
from tailguard.proofs.proof import Evidence, Proof
from tailguard.record.migration import IndexState, MigrationEntry
from tailguard.record.run_json import decode, plain
from tests.support.judged_proof import answers, state_of, why_of
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
def tables(database: Database) -> None:
    make_ledger(database, ROWS)


def prove(
    database: Database,
    proved: Migration | None = None,
    plans_dir: Path | None = None,
    known_migrations: Sequence[Migration] = (),
) -> Proof:
    (proof,) = prove_small(
        database,
        [proved or migration()],
        repeats=8,
        plans_dir=plans_dir,
        known_migrations=known_migrations,
    )
    return proof


def evidence(proof: Proof) -> Evidence:
    assert proof.evidence is not None, why_of(proof)
    return proof.evidence


def held(proof: Proof) -> dict[str, bool]:
    return {name: verdict.state == "PASS" for name, verdict in answers(proof).items()}


@pytest.mark.system
def test_a_good_index_is_proved_once_round(
    database: Database, tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    (proof,) = prove_small(database, [migration()], 8, tmp_path / "plans")
    assert state_of(proof) == "PASS", why_of(proof)
    assert set(held(proof)) == {
        "Index Scan on the new index",
        "no Sort",
        "fewer blocks",
        "same number of rows",
        "one plan in all executions",
        "valid and ready after up",
        "down removed the index",
        "valid and ready after up again",
    }
    usable = IndexState(valid=True, ready=True)
    assert [(step.action, step.index) for step in proof.cycle] == [
        ("up", usable),
        ("down", None),
        ("up", usable),
    ]
    found = evidence(proof)
    assert found.rows == ROWS
    assert found.index_bytes > 100_000
    assert found.build_s == proof.cycle[0].seconds > 0
    assert len(said.messages) == 5
    assert state(database) == (True, True)


@pytest.mark.system
def test_the_record_tells_server_and_client_time_apart_and_keeps_every_plan(
    database: Database, tmp_path: Path
) -> None:
    entry = prove(database, plans_dir=tmp_path / "plans").entry
    assert entry.before is not None
    assert entry.after is not None
    for side in (entry.before, entry.after):
        assert side.plan_file is not None
        kept = json.loads((tmp_path / side.plan_file).read_text(encoding="utf-8"))
        times = sorted(plan["Execution Time"] for plan in kept)
        assert side.server_ms.n == side.client_ms.n == len(kept) == 8
        assert side.server_ms.value in times
        assert side.explained.value in kept
        assert parse_plan(side.explained).root.kind == "Limit"
        assert side.rows == 5
    assert entry.after.blocks.total < entry.before.blocks.total
    assert decode(msgspec.json.encode(plain(entry)), MigrationEntry) == entry


def test_the_changed_nodes_are_told(database: Database) -> None:
    found = evidence(prove(database))
    pairs = match_plans(parse_plan(found.before.explained), parse_plan(found.after.explained))
    changes = {
        pair.change: (pair.before and describe(pair.before), pair.after and describe(pair.after))
        for pair in pairs
    }
    assert changes["replaced"] == ("Seq Scan on ledger", f"Index Scan using {INDEX} on ledger")
    assert changes["removed"] == ("Sort", None)


def test_an_index_that_leaves_the_sort_fails_and_says_why(database: Database) -> None:
    """The control: an index on the wallet alone finds the rows, and still sorts them."""
    proof = prove(database, migration(f"CREATE INDEX CONCURRENTLY {INDEX} ON ledger (wallet_id)"))
    assert state_of(proof) == "FAIL"
    assert not held(proof)["no Sort"]
    assert "no Sort: expected rows come in order, observed a Sort" in why_of(proof)


def test_an_index_that_the_query_does_not_use_fails(database: Database) -> None:
    proof = prove(database, migration(f"CREATE INDEX CONCURRENTLY {INDEX} ON ledger (note)"))
    assert state_of(proof) == "FAIL"
    assert not held(proof)["Index Scan on the new index"]
    assert not held(proof)["fewer blocks"]


def test_a_migration_that_cannot_be_applied_is_invalid_with_the_reason(database: Database) -> None:
    proof = prove(database, migration("CREATE INDEX CONCURRENTLY i ON absent (id)"))
    assert state_of(proof) == "INVALID"
    assert "no table absent" in why_of(proof)
    assert list(answers(proof)) == ["proof complete"]


def test_a_migration_held_up_is_inconclusive(database: Database) -> None:
    with open_transaction(database, OLD_SNAPSHOT):
        (proof,) = prove_small(database, [migration()], limits=Limits(deadline_s=0.3))
    assert state_of(proof) == "INCONCLUSIVE"
    assert "waiting for old snapshots" in why_of(proof)


def test_an_index_that_was_there_is_taken_away_for_the_measurement_before(database: Database) -> None:
    with database.connect() as connection:
        connection.execute(UP)
    proof = prove(database)
    assert state_of(proof) == "PASS"
    assert {node.index for node in parse_plan(evidence(proof).before.explained).nodes} == {None}
    assert proof.entry.down_sql == DOWN


def other(query: str) -> Migration:
    """Another migration on the same table, with a query of its own."""
    return replace(migration(), number="0010", slug="other", stated_query=Query(query, {}))


def test_other_known_queries_of_the_table_are_watched(database: Database) -> None:
    proof = prove(database, known_migrations=[other("SELECT count(*) FROM ledger WHERE note = 'x'")])
    assert held(proof)["query of 0010_other not worse"]
    assert state_of(proof) == "PASS"


def test_a_known_query_that_the_index_leads_astray_fails_the_proof(database: Database) -> None:
    """An old trap: newest first with a filter. The planner walks the new index and finds next to nothing."""
    trap = "SELECT id FROM ledger WHERE position('zzz' IN note) > 0 ORDER BY created DESC LIMIT 1"
    proof = prove(
        database,
        migration(f"CREATE INDEX CONCURRENTLY {INDEX} ON ledger (created DESC)"),
        known_migrations=[other(trap)],
    )
    check = answers(proof)["query of 0010_other not worse"]
    assert check.state == "FAIL", check
    assert "by another plan" in check.observed
    assert state_of(proof) == "FAIL"


def test_too_few_values_have_a_median_and_no_interval() -> None:
    found = estimate([3.0, 1.0, 2.0], 0.5)
    assert (found.value, found.low, found.high, found.level, found.n) == (2.0, None, None, 0.99, 3)

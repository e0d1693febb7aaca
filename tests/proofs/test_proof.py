"""The proof under load: what it executes, what a write costs; the whole of it on a real server."""

from contextlib import ExitStack

import psycopg
import pytest
from msgspec.structs import replace

from tailguard.base.clock import MonotonicClock
from tailguard.base.errors import UsageError
from tailguard.base.state import worst
from tailguard.judge.proof.under_load import SHORTEST_BUILD_S
from tailguard.migrations.index import find_table, wanted_shape
from tailguard.migrations.limits import Limits
from tailguard.proofs.cost import measure_cost
from tailguard.proofs.evidence.evidence import prove_small
from tailguard.proofs.live_options import COPY_ROWS, LiveOptions
from tailguard.proofs.load.statements import statements_for
from tailguard.proofs.proof import Proof
from tailguard.proofs.under_load import prove_under_load
from tailguard.record.migration import (
    WriteCost,
    WriteTimes,
)
from tailguard.report.views.proof.sentences import worth
from tests.support import made_proof
from tests.support.judged_proof import answers, state_of, why_of
from tests.support.made_migration import median
from tests.support.migration_world import INDEX, UP, make_ledger, migration, open_transaction, runner, state

pytestmark = pytest.mark.system


def derived(database, table="ledger", shape="(wallet_id, created DESC)", *, unique=""):
    with database.connect() as connection:
        found = find_table(connection, table)
        build = migration(f"CREATE {unique} INDEX CONCURRENTLY {INDEX} ON {table} {shape}").build
        return statements_for(connection, found, wanted_shape(connection, found, build))


def test_each_derived_statement_does_what_its_name_says(database):
    with database.connect() as connection:
        connection.execute(
            "CREATE TABLE entry (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, wallet_id int, key text UNIQUE,"
            " note text, created timestamptz DEFAULT now(), twice int GENERATED ALWAYS AS (wallet_id * 2) STORED)"
        )
        connection.execute(
            "INSERT INTO entry (wallet_id, key, note, created)"
            " SELECT n, 'k' || n, 'note', timestamptz '2025-01-01' + n * interval '1 day' FROM generate_series(1, 50) n"
        )
        made = derived(database, "entry")
        assert (made.low, made.high) == (1, 50)
        parameters = made.parameters(7)
        assert connection.execute(made.read, parameters).rowcount == 1
        assert connection.execute(made.insert, parameters).rowcount == 1
        assert connection.execute(made.insert_many, parameters | {"key": 1, "rows": 20}).rowcount == 20
        new = connection.execute(
            "SELECT count(*), count(key), count(DISTINCT note) FROM entry WHERE id > 50"
        ).fetchone()
        assert new == (21, 0, 1)
        assert connection.execute(made.update, parameters).rowcount == 1
        before = connection.execute("SELECT created FROM entry WHERE id = %(key)s", parameters).fetchone()
        assert connection.execute(made.update_key, parameters).rowcount == 1
        assert (
            connection.execute("SELECT created FROM entry WHERE id = %(key)s", parameters).fetchone()
            != before
        )


def test_keys_of_turns_are_scattered_and_within_the_table(database):
    make_ledger(database, 100)
    made = derived(database)
    keys = [made.parameters(turn)["key"] for turn in range(200)]
    assert min(keys) >= 1
    assert max(keys) <= 100
    assert len(set(keys)) > 60


def test_a_table_that_allows_no_copy_gets_no_inserts(database):
    with database.connect() as connection:
        connection.execute("CREATE TABLE strict (id int PRIMARY KEY, code text NOT NULL UNIQUE, note text)")
        connection.execute("INSERT INTO strict VALUES (1, 'a', 'b')")
    made = derived(database, "strict", "(note)")
    assert made.insert is None
    assert made.insert_many is None
    assert made.update_key is not None


def test_a_unique_index_is_not_run_into_by_our_own_copies(database):
    with database.connect() as connection:
        connection.execute(
            "CREATE TABLE once (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code text NOT NULL)"
        )
        connection.execute("INSERT INTO once (code) VALUES ('a')")
    assert derived(database, "once", "(code)", unique="UNIQUE").insert is None


@pytest.mark.parametrize(
    ("create", "message"),
    [
        ("CREATE TABLE odd (id text PRIMARY KEY)", "no primary key of one integer column"),
        ("CREATE TABLE odd (id int PRIMARY KEY)", "is empty: a proof needs rows"),
    ],
)
def test_a_table_that_no_load_can_be_made_for_is_named(database, create, message):
    with database.connect() as connection:
        connection.execute(create)
    with pytest.raises(UsageError, match=message):
        derived(database, "odd", "(id)")


@pytest.fixture
def entries(database):
    """A table whose new rows number themselves, so that inserts are possible."""
    with database.connect() as connection:
        connection.execute(
            "CREATE TABLE ledger (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, wallet_id int NOT NULL,"
            " note text, created timestamptz NOT NULL DEFAULT now())"
        )
        connection.execute(
            "INSERT INTO ledger (wallet_id, note, created) SELECT n % 500, 'note ' || n,"
            " timestamptz '2025-01-01' + n * interval '1 minute' FROM generate_series(1, 20000) n"
        )
        connection.execute("VACUUM ANALYZE ledger")
    return database


@pytest.mark.parametrize("built", [False, True], ids=["absent", "already built"])
def test_the_cost_is_that_of_the_index_alone(entries, built):
    """Counts, not times: more log a row, and no heap-only update of an indexed column. Nothing is left behind."""
    with entries.connect() as connection:
        if built:
            connection.execute(migration().up)
        table = find_table(connection, "ledger")
        shape = wanted_shape(connection, table, migration().build)
        cost = measure_cost(connection, table, migration().build, shape, MonotonicClock())
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relname LIKE 'tailguard_cost%'"
        ).fetchall()
    assert tables == []
    assert cost.rows == min(20_000, COPY_ROWS)
    assert 30 < cost.wal_bytes_per_row.after - cost.wal_bytes_per_row.before < 400
    assert cost.writes["update_key"].before.hot > 0.5
    assert cost.writes["update_key"].after.hot == 0.0
    assert cost.writes["update"].after.hot > 0.5
    for found in cost.writes.values():
        assert found.ratio.low <= found.ratio.value <= found.ratio.high


def ratio_of(value, low, high):
    return replace(median(value), low=low, high=high)


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (
            ratio_of(1.2, 1.1, 1.3),
            "each insert costs 10 µs more (p50, +20 %): the index is worth it from one",
        ),
        (ratio_of(1.2, 0.9, 1.5), "is within this machine's noise"),
    ],
    ids=["clear", "noise"],
)
def test_what_it_is_worth_is_one_sentence_that_claims_no_more_than_was_seen(ratio, expected):
    took = WriteTimes(p50=median(0.05), p95=median(0.05), hot=None)
    insert = WriteCost(before=took, after=took, ratio=ratio)
    entry = made_proof.proved()
    sentence = worth(
        replace(
            entry,
            before=replace(entry.before, server_ms=median(9.0)),
            after=replace(entry.after, server_ms=median(1.0)),
            cost=replace(entry.cost, writes={"insert": insert}),
        )
    )
    assert sentence.startswith("Each query saves 8 ms of the server")
    assert expected in sentence
    assert ("one query in 800 inserts" in sentence) == (ratio.low > 1)


def test_the_whole_proof_goes_round_and_leaves_the_index(entries, said):
    """A small one, for its course: one build is not repeated and meets few requests, and it says so."""
    options = LiveOptions(
        rate_per_s=50.0, calibration_s=0.2, baseline_s=0.3, fewest_builds=1, most_builds=1, control=False
    )
    proof = Proof(migration())
    sent = prove_under_load(proof, entries, options)
    assert state(entries) == (True, True)
    assert proof.live is not None
    assert [build.seconds > 0 for build in proof.live.builds] == [True]
    assert proof.live.control is None
    assert proof.live.baseline["writers"].n > 0
    assert proof.live.baseline["writers"].errors == 0
    assert state_of(proof, sent) in ("INCONCLUSIVE", "FAIL")
    windows = {name.removeprefix("0009/").rsplit("_", 1)[0] for name in sent}
    assert windows == {"baseline", "build_1", "after"}
    assert any("build 1 under load" in line for line in said.messages)


SORTS = f"CREATE INDEX CONCURRENTLY {INDEX} ON ledger (wallet_id)"


@pytest.mark.parametrize(
    ("blocked", "up", "expected", "told"),
    [
        (True, UP, "INCONCLUSIVE", "under load: Nothing was built: transactions older than 0 s are open"),
        (False, UP, "INVALID", "under load: There is no table ledger in the"),
        (True, SORTS, "FAIL", "no Sort: expected rows come in order, observed a Sort"),
    ],
    ids=["held up", "no table", "no better than before"],
)
def test_a_proof_that_breaks_off_is_told_and_leaves_the_worse_state(entries, blocked, up, expected, told):
    limits = Limits(wait_s=0.1, old_transaction_s=0.0)
    options = LiveOptions(calibration_s=0.1, baseline_s=0.1, control=False, limits=limits)
    (proof,) = prove_small(entries, [migration(up)], repeats=3)
    known = state_of(proof)
    runner(entries).down(migration(up))  # which would wait for the open transaction
    with ExitStack() as stack:
        if blocked:
            stack.enter_context(open_transaction(entries, "SELECT count(*) FROM ledger"))
        else:
            with entries.connect() as connection:
                connection.execute("DROP TABLE ledger")
        prove_under_load(proof, entries, options)
    assert state_of(proof) == expected == worst([known, state_of(proof)])
    assert told in why_of(proof)
    assert proof.live is None


@pytest.mark.proof
def test_a_small_table_can_be_proved_and_its_control_is_caught(entries):
    """Builds of some 20 ms: the absolute limit judges them, over requests from 0.3 s around each."""
    proof = Proof(migration())
    sent = prove_under_load(proof, entries, LiveOptions(baseline_s=1.0, calibration_s=0.5))
    asked = answers(proof, sent)
    assert proof.live is not None
    assert max(build.seconds for build in proof.live.builds) < SHORTEST_BUILD_S
    assert len(proof.live.builds) > 3
    assert proof.live.control is not None
    assert proof.live.control.seconds > 2 * proof.live.limits.max_wait_ms / 1e3
    assert asked["positive control"].state == "PASS", asked
    assert "too few to tell" not in asked["p99 of writers"].observed
    assert "FAIL" not in [verdict.state for verdict in asked.values()], asked


@pytest.mark.proof
def test_a_build_under_load_stalls_nobody_and_the_control_is_caught(entries):
    with entries.connect() as connection:
        connection.execute(
            "INSERT INTO ledger (wallet_id, note, created) SELECT n %% 5000, repeat('note ', 20), now()"
            " FROM generate_series(1, %s) n",
            [600_000],
        )
        connection.execute("VACUUM ANALYZE ledger")
    proof = Proof(migration())
    asked = answers(proof, prove_under_load(proof, entries))
    assert asked["positive control"].state == "PASS", asked
    assert (
        asked["no failed request of writers"].state == asked["no failed request of readers"].state == "PASS"
    )
    assert "FAIL" not in [verdict.state for verdict in asked.values()], asked
    with pytest.raises(psycopg.errors.UndefinedTable), entries.connect() as connection:
        connection.execute("SELECT 'tailguard_control'::regclass")

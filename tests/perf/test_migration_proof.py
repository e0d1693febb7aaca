"""The proof under load: what it executes, how it judges, what a write costs; the whole of it on a real server."""

from contextlib import ExitStack

import numpy as np
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from migration_world import INDEX, make_ledger, migration, open_transaction, state
from scipy.stats import binomtest

from perf.clock import MonotonicClock
from perf.errors import UsageError
from perf.postgres.cost import COPY_ROWS, measure_cost, worth
from perf.postgres.index import find_table, wanted_shape
from perf.postgres.load_statements import statements_for
from perf.postgres.migration_runner import Limits
from perf.postgres.prove import LiveOptions, LiveProof, worst_state
from perf.postgres.prove_record import add_live_or_cause
from perf.postgres.prove_verdicts import (
    Felt,
    LiveVerdict,
    felt_during,
    judge_baseline,
    judge_control,
    judge_errors,
    judge_p99,
    judge_stall,
    pooled,
)
from perf.sample import ERROR, pack_code, samples_from_rows

pytestmark = pytest.mark.system


def felt(*response_ms, build_s=1.0, errors=0):
    return Felt(np.array(response_ms, dtype=float), np.full(len(response_ms), build_s), errors)


def test_a_request_that_waited_for_the_build_is_a_stall():
    assert judge_stall("writers", felt(3.0, 990.0)).state == "FAIL"
    assert judge_control(felt(3.0, 990.0)).state == "PASS"


def test_slow_requests_of_a_busy_machine_are_no_stall():
    verdict = judge_stall("writers", felt(3.0, 140.0))
    assert (verdict.state, verdict.observed) == ("PASS", "140.0 ms, 14.0% of a build of 1.00 s")


def test_a_control_that_is_not_caught_makes_the_proof_invalid():
    blind = judge_control(felt(3.0, 140.0))
    assert blind.state == "INVALID"
    assert worst_state([LiveVerdict("x", "FAIL", "", ""), blind]) == "INVALID"


def test_a_build_too_short_to_tell_is_not_judged_quiet():
    assert judge_stall("writers", felt(3.0, build_s=0.1)).state == "INCONCLUSIVE"
    assert judge_stall("writers", felt(99.0, build_s=0.1)).state == "FAIL"


def test_no_request_during_a_build_never_passes():
    nobody = felt()
    assert judge_stall("readers", nobody).state == "INCONCLUSIVE"
    assert judge_p99("readers", nobody, felt(1.0)).state == "INCONCLUSIVE"
    assert judge_baseline("readers", nobody).state == "INCONCLUSIVE"


def test_a_failed_request_fails_the_proof():
    assert judge_errors("writers", felt(1.0, errors=1)).state == "FAIL"
    assert judge_errors("writers", felt(1.0)).state == "PASS"


def test_a_machine_that_stalls_by_itself_is_no_baseline():
    assert judge_baseline("writers", felt(1.0, 400.0)).state == "INCONCLUSIVE"
    assert judge_baseline("writers", felt(1.0, errors=2)).state == "INCONCLUSIVE"
    assert judge_baseline("writers", felt(1.0, 40.0)).state == "PASS"


@given(st.integers(1, 3000), st.data())
def test_the_share_held_up_is_decided_by_the_exact_binomial_test(n, data):
    """Oracle: scipy's own binomial test, each side at 1 %."""
    held_up = data.draw(st.integers(0, min(n, 60)))
    response_ms = [400.0] * held_up + [1.0] * (n - held_up)
    verdict = judge_p99("writers", felt(*response_ms), felt(1.0))
    if binomtest(held_up, n, 0.01, alternative="less").pvalue <= 0.01:
        assert verdict.state == "PASS"
    elif binomtest(held_up, n, 0.01, alternative="greater").pvalue <= 0.01:
        assert verdict.state == "FAIL"
    else:
        assert verdict.state == "INCONCLUSIVE"


def test_everybody_who_wanted_something_while_the_build_ran_is_counted():
    """One before, one into the build, one within, one out of it that failed, one after."""
    failed = pack_code(0, ERROR)
    rows = [[0, 0, 9, 0], [5, 5, 12, 0], [13, 13, 14, 0], [18, 18, 30, failed], [21, 21, 22, 0]]
    samples = samples_from_rows("writers", ("insert",), ("",), np.array(rows, dtype=np.int64))
    found = felt_during(samples, 10, 20)
    assert (found.response_ms * 1e6).tolist() == [7, 1, 12]
    assert found.errors == 1
    both = pooled([found, found])
    assert len(both.response_ms) == 6
    assert both.errors == 2


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
    assert cost["rows"] == min(20_000, COPY_ROWS)
    assert 30 < cost["wal_bytes_a_row"]["after"] - cost["wal_bytes_a_row"]["before"] < 400
    assert cost["writes"]["update_key"]["hot"]["before"] > 0.5
    assert cost["writes"]["update_key"]["hot"]["after"] == 0.0
    assert cost["writes"]["update"]["hot"]["after"] > 0.5
    for found in cost["writes"].values():
        assert found["ratio"]["low"] <= found["ratio"]["value"] <= found["ratio"]["high"]


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (
            {"value": 1.2, "low": 1.1, "high": 1.3},
            "each insert costs 10 µs more (p50, +20%): the index is worth it from one",
        ),
        ({"value": 1.2, "low": 0.9, "high": 1.5}, "cannot be told from this machine's noise"),
    ],
)
def test_what_it_is_worth_is_one_sentence_that_claims_no_more_than_was_seen(ratio, expected):
    cost = {"writes": {"insert": {"before": {"p50": {"value": 0.05}}, "ratio": ratio}}}
    sentence = worth(8.0, cost)
    assert sentence.startswith("Each query saves 8 ms of the server")
    assert expected in sentence
    assert ("one query in 800 inserts" in sentence) == (ratio["low"] > 1)


def test_the_whole_proof_goes_round_and_leaves_the_index(entries):
    """A small one, for its course: its builds are too short to be judged, and it says so."""
    said = []
    options = LiveOptions(
        rate_per_s=50.0, calibration_s=0.2, baseline_s=0.3, fewest_builds=1, most_builds=1, control=False
    )
    proof = LiveProof(entries, migration(), options, said.append)
    record = proof.record()
    assert state(entries) == (True, True)
    assert [build["seconds"] > 0 for build in record["builds"]] == [True]
    assert record["control"] is None
    assert record["windows"]["baseline"]["writers"]["n"] > 0
    assert {v["name"]: v["state"] for v in record["verdicts"]}["no failed request of writers"] == "PASS"
    assert record["state"] in ("INCONCLUSIVE", "FAIL")
    assert set(proof.all_samples()) == {"baseline", "build_1", "after"}
    assert any("build 1 under load" in line for line in said)


def proved(state="PASS"):
    return {"state": state, "why": "gained", "before": {"server_ms": {"median": 2.0}}} | {
        "after": {"server_ms": {"median": 1.0}}
    }


@pytest.mark.parametrize(
    ("blocked", "known", "expected"),
    [
        (
            True,
            "PASS",
            ("INCONCLUSIVE", "under load: Nothing was built: transactions older than 0 s are open"),
        ),
        (False, "PASS", ("INVALID", "under load: There is no table ledger in the")),
        (False, "INVALID", ("INVALID", "gained")),
    ],
    ids=["held up", "no table", "no better than before"],
)
def test_a_proof_that_breaks_off_is_told_and_leaves_the_worse_state(entries, blocked, known, expected):
    limits = Limits(wait_s=0.1, old_transaction_s=0.0)
    options = LiveOptions(calibration_s=0.1, baseline_s=0.1, control=False, limits=limits)
    record = proved(known)
    with ExitStack() as stack:
        if blocked:
            stack.enter_context(open_transaction(entries, "SELECT count(*) FROM ledger"))
        else:
            with entries.connect() as connection:
                connection.execute("DROP TABLE ledger")
        add_live_or_cause(record, LiveProof(entries, migration(), options))
    assert (record["state"], record["why"][: len(expected[1])]) == expected
    assert "live" not in record


@pytest.mark.proof
def test_a_build_under_load_stalls_nobody_and_the_control_is_caught(entries):
    with entries.connect() as connection:
        connection.execute(
            "INSERT INTO ledger (wallet_id, note, created) SELECT n %% 5000, repeat('note ', 20), now()"
            " FROM generate_series(1, %s) n",
            [600_000],
        )
        connection.execute("VACUUM ANALYZE ledger")
    record = LiveProof(entries, migration()).record()
    states = {verdict["name"]: verdict["state"] for verdict in record["verdicts"]}
    assert states["positive control"] == "PASS", record["verdicts"]
    assert states["no failed request of writers"] == states["no failed request of readers"] == "PASS"
    assert "FAIL" not in states.values(), record["verdicts"]
    with pytest.raises(psycopg.errors.UndefinedTable), entries.connect() as connection:
        connection.execute("SELECT 'tailguard_control'::regclass")

"""The seed: exact counts, balances that agree with the ledger, the same rows for the same seed."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from reference.bulk import constraints_later
from reference.database import create_tables
from reference.seed import REF_ID, WALLET_ID, Seeded, SeedSize, seed_histories, seed_platform
from tests.support.crown_small import SMALL

ROOT = Path(__file__).resolve().parents[2]


def _one(database, query: str, *values):
    with database.connect() as connection:
        return connection.execute(query, values).fetchone()


def test_the_chosen_wallet_and_reference_have_exactly_their_rows(module_database, seeded):
    ledger = _one(
        module_database,
        "SELECT count(*), count(*) FILTER (WHERE wallet_id = %s), count(DISTINCT wallet_id)"
        " FROM economy_economytransaction",
        WALLET_ID,
    )
    assert ledger == (800, 200, 60)
    moderation = _one(
        module_database,
        "SELECT count(*), count(*) FILTER (WHERE ref_id = %s) FROM support_moderationaction",
        REF_ID,
    )
    assert moderation == (500, 120)


def test_every_balance_is_the_sum_of_its_ledger_and_none_is_negative(module_database, seeded):
    wrong = _one(
        module_database,
        "SELECT count(*) FROM economy_deltacrownwallet w WHERE cached_balance < 0 OR cached_balance <>"
        " (SELECT sum(amount) FROM economy_economytransaction t WHERE t.wallet_id = w.id)",
    )
    assert wrong == (0,)


def test_the_balance_after_runs_along_each_wallet(module_database, seeded):
    wrong = _one(
        module_database,
        "SELECT count(*) FROM (SELECT cached_balance_after - sum(amount) OVER (PARTITION BY wallet_id ORDER BY created)"
        " AS off FROM economy_economytransaction) t WHERE off <> 0",
    )
    assert wrong == (0,)


def test_the_ranges_say_where_the_rows_are(module_database, seeded):
    with module_database.connect() as connection:
        for match_id, tournament, one, two in connection.execute(
            "SELECT id, tournament_id, participant1_id, participant2_id FROM tournament_engine_match_match"
        ):
            assert match_id in seeded.matches_of(tournament)
            assert seeded.participants(match_id) == (one, two)
        states = dict(connection.execute("SELECT id, status FROM tournaments_tournament").fetchall())
    assert {states[number] for number in (seeded.hot_tournament, *seeded.open_tournaments)} == {
        "registration_open"
    }
    assert {states[number] for number in seeded.live_tournaments} == {"live"}
    assert states[seeded.completed_tournament] == "completed"
    assert len(states) == seeded.completed_tournament


def test_new_rows_go_on_after_the_seeded_ids(crown, seeded):
    assert crown.register(seeded.open_tournaments[0], 1).id > seeded.awards[-1]


def test_names_of_many_alphabets_survive(module_database, seeded):
    names = _one(
        module_database, "SELECT string_agg(DISTINCT split_part(username, ' ', 2), ' ') FROM accounts_user"
    )[0]
    assert {"東京", "Δ-Crown", "🏆", "Curaçao"} <= set(names.split())


@pytest.mark.system
def test_the_same_seed_makes_the_same_rows_and_another_one_others(database):
    def fingerprint(seed: int) -> str:
        schema = f"{database.schema}_s{seed}"
        create_tables(database.conninfo, schema)
        try:
            seed_histories(database.conninfo, schema, size=SMALL, seed=seed)
            with psycopg.connect(database.conninfo_for(schema)) as connection:
                query = "SELECT md5(string_agg(t::text, '' ORDER BY id)) FROM economy_economytransaction t"
                return connection.execute(query).fetchone()[0]
        finally:
            with database.connect() as connection:
                connection.execute(f'DROP SCHEMA "{schema}" CASCADE')

    assert fingerprint(1) == fingerprint(1) != fingerprint(2)


@pytest.mark.system
def test_ctrl_c_ends_the_seeding_of_both_tables_and_leaves_no_row(own_database):
    conninfo = own_database("interrupted")
    create_tables(conninfo)
    seeding = (
        "import sys; from reference.seed import SeedSize, seed_histories;"
        " seed_histories(sys.argv[1], size=SeedSize(ledger_rows=5_000_000, moderation_rows=5_000_000))"
    )
    process = subprocess.Popen([sys.executable, "-c", seeding, conninfo], cwd=ROOT, stderr=subprocess.PIPE)
    with psycopg.connect(conninfo, autocommit=True) as connection, process:
        active = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_catalog AND state = 'active' AND query ~ 'INSERT INTO (economy|support)'"
        )
        deadline_s = time.monotonic() + 120
        while connection.execute(active).fetchone() != (2,) and time.monotonic() < deadline_s:
            time.sleep(0.02)
        assert connection.execute(active).fetchone() == (2,)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert said.decode().splitlines()[-1] == "KeyboardInterrupt"
        for table in ("economy_economytransaction", "support_moderationaction"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_nothing_but_its_keys_indexes_the_columns_of_the_migrations(module_database, seeded):
    with module_database.connect() as connection:
        rows = connection.execute(
            "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()"
            " AND tablename IN ('economy_economytransaction', 'support_moderationaction')"
        ).fetchall()
    assert not any("wallet_id" in definition or "ref_id" in definition for (definition,) in rows)


@pytest.mark.parametrize(
    ("size", "says"),
    [
        (SeedSize(users=10, awards=11), "users"),
        (SeedSize(wallets=41), "wallets"),
        (SeedSize(ledger_rows=3_000), "ledger_rows: 3000 is too few, give at least 3234"),
        (SeedSize(moderation_rows=10), "moderation_rows"),
        (SeedSize(live_tournaments=0), "live_tournaments"),
    ],
)
def test_sizes_that_do_not_fit_are_refused_before_anything_is_written(database, size, says):
    with pytest.raises(ValueError, match=says):
        seed_platform(database.conninfo, size=size)


def test_ranges_do_not_overlap():
    seeded = Seeded.of(SeedSize())
    tournaments = [
        seeded.hot_tournament,
        *seeded.open_tournaments,
        *seeded.small_tournaments,
        *seeded.live_tournaments,
    ]
    assert sorted([*tournaments, seeded.completed_tournament]) == list(
        range(1, seeded.completed_tournament + 1)
    )


def test_the_keys_that_a_large_table_did_without_while_it_was_filled_are_back(module_database, seeded):
    with module_database.connect() as connection:
        found = connection.execute(
            "SELECT pg_get_constraintdef(oid), convalidated FROM pg_constraint"
            " WHERE conrelid = 'economy_economytransaction'::regclass AND contype IN ('p', 'u', 'f') ORDER BY 1"
        ).fetchall()
    assert found == [
        ("FOREIGN KEY (wallet_id) REFERENCES economy_deltacrownwallet(id)", True),
        ("PRIMARY KEY (id)", True),
        ("UNIQUE (idempotency_key)", True),
    ]


def test_rows_that_break_a_key_are_refused_and_the_table_is_as_it_was(database):
    create_tables(database.conninfo)
    with (
        pytest.raises(psycopg.errors.ForeignKeyViolation),
        psycopg.connect(database.conninfo) as connection,
        constraints_later(connection, "economy_economytransaction"),
    ):
        connection.execute(
            "INSERT INTO economy_economytransaction (wallet_id, amount, cached_balance_after, reason)"
            " VALUES (404, 1, 1, 'nobody')"
        )
    keys = "SELECT count(*) FROM pg_constraint WHERE conrelid = 'economy_economytransaction'::regclass"
    assert _one(database, f"{keys} AND contype IN ('p', 'u', 'f')") == (3,)
    assert _one(database, "SELECT count(*) FROM economy_economytransaction") == (0,)

"""`tailguard migrate prove`: what it works on, what it says, and how it ends."""

import signal
import subprocess
import sys

import pandas as pd
import pytest

from tailguard.base.errors import UsageError
from tailguard.base.state import worst
from tailguard.cli.main import run_cli
from tailguard.judge.proof.verdicts import proof_verdicts
from tailguard.migrations.index import find_table, indexes_of
from tailguard.migrations.migration import what_if
from tailguard.proofs.target import prove_target
from tailguard.record.run import Run
from tailguard.record.run_record import Ended
from tailguard.report.views.proof.sentences import worth

UP = "CREATE INDEX CONCURRENTLY ledger_newest ON ledger (wallet_id, created DESC)"
QUERY = "SELECT id FROM ledger WHERE wallet_id = %(wallet)s ORDER BY created DESC LIMIT 5"


@pytest.fixture
def ledger(database):
    """A user's table, in a schema of his own."""
    with database.connect() as connection:
        connection.execute(
            "CREATE TABLE ledger (id bigserial PRIMARY KEY, wallet_id int NOT NULL CHECK (wallet_id >= 0),"
            " key text UNIQUE, created timestamptz NOT NULL DEFAULT now(),"
            " twice int GENERATED ALWAYS AS (wallet_id * 2) STORED)"
        )
        connection.execute(
            "INSERT INTO ledger (wallet_id, key) SELECT n % 99, 'k' || n FROM generate_series(1, 3000) n"
        )
    return database


def proposed():
    return what_if(UP, QUERY, '{"wallet": 7}')


def test_the_users_table_is_copied_and_only_read(ledger, postgres, said):
    with ledger.connect() as connection:
        before = connection.execute(
            "SELECT count(*), max(id), (SELECT last_value FROM ledger_id_seq) FROM ledger"
        ).fetchone()
    with (
        prove_target(proposed(), 2000, postgres.dsn, ledger.schema) as target,
        target.connect() as connection,
    ):
        assert target.schema != ledger.schema
        assert connection.execute("SELECT count(*), count(twice) FROM ledger").fetchone() == (2000, 2000)
        highest = connection.execute("SELECT max(id) FROM ledger").fetchone()
        new = connection.execute(
            "INSERT INTO ledger (wallet_id, created) VALUES (1, now()) RETURNING id"
        ).fetchone()
        assert new[0] == highest[0] + 1
        kept = [index.shape.definition for index in indexes_of(connection, find_table(connection, "ledger"))]
        assert sorted(kept) == ["btree (id)", "btree (key)"]
    with ledger.connect() as connection:
        after = connection.execute(
            "SELECT count(*), max(id), (SELECT last_value FROM ledger_id_seq) FROM ledger"
        ).fetchone()
        schemas = connection.execute(
            "SELECT count(*) FROM pg_namespace WHERE nspname = %s", [target.schema]
        ).fetchone()
    assert after == before
    assert schemas == (0,)
    assert any("only read" in line for line in said.messages)


@pytest.mark.parametrize(
    ("up", "message"),
    [
        ("CREATE INDEX CONCURRENTLY i ON app.ledger (id)", "names its schema"),
        ("CREATE INDEX CONCURRENTLY i ON absent (id)", "no table"),
    ],
)
def test_a_table_that_cannot_be_copied_is_named(ledger, postgres, up, message):
    proposal = what_if(up, "SELECT 1", "{}")
    with (
        pytest.raises(UsageError, match=message),
        prove_target(proposal, 10, postgres.dsn, ledger.schema),
    ):
        pass


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Name one migration, or give --what-if"),
        (["0001", "--what-if", UP], "Name one migration, or give --what-if"),
        (["--what-if", UP], "--what-if needs --query"),
        (["--what-if", UP, "--query", QUERY], "the query has the parameters ['wallet']"),
        (["--what-if", UP, "--query", QUERY, "--parameters", "7"], "not a JSON object"),
        (["--what-if", UP, "--query", QUERY, "--parameters", "wallet=7"], "not a JSON object"),
        (
            ["--what-if", "CREATE INDEX i ON t (a)", "--query", "SELECT 1"],
            "takes one CREATE INDEX CONCURRENTLY",
        ),
        (["0007"], "There is no migration '0007'"),
        (["0001", "--rows", "10"], "is not in the range"),
        (["0001", "--max-wait", "soon"], "max_wait: 'soon' is not a duration; write a number and one of"),
        (["0001", "--max-p99-growth", "0ms"], "max_p99_growth is '0ms': every lock takes some time"),
    ],
)
def test_usage_errors_end_with_64_and_the_next_step(arguments, message, capsys):
    assert run_cli(["migrate", "prove", *arguments]) == 64
    assert message in capsys.readouterr().err


@pytest.mark.system
def test_why_a_migration_is_not_proved_is_printed_once(ledger, postgres, tmp_path, capsys):
    with ledger.connect() as connection:
        connection.execute("CREATE TABLE keyless (wallet_id int, created timestamptz)")
        connection.execute("INSERT INTO keyless SELECT n, now() FROM generate_series(1, 3000) n")
    index = [
        "--what-if",
        UP.replace(" ledger ", " keyless "),
        "--query",
        "SELECT 1 AS wallet",
        "--rows",
        "1000",
    ]
    place = ["--dsn", postgres.dsn, "--schema", ledger.schema, "--runs-dir", str(tmp_path)]
    assert run_cli(["migrate", "prove", *index, *place]) == 65
    out = capsys.readouterr().out
    assert out.startswith("what-if ledger_newest: INVALID\n")
    assert " ".join(out.split()).count("has no primary key of one integer column") == 1


@pytest.mark.proof
@pytest.mark.parametrize("control", [True, False], ids=["with control", "without control"])
def test_an_index_that_is_in_no_file_yet_is_proved_on_a_copy_of_the_users_table(
    ledger, postgres, tmp_path, capsys, control
):
    with ledger.connect() as connection:
        connection.execute("INSERT INTO ledger (wallet_id) SELECT n % 5000 FROM generate_series(1, 500000) n")
    index = ["--what-if", UP, "--query", QUERY, "--parameters", '{"wallet": 7}']
    place = ["--dsn", postgres.dsn, "--schema", ledger.schema, "--runs-dir", str(tmp_path)]
    code = run_cli(["migrate", "prove", *index, *place, *([] if control else ["--no-control"])])
    out, err = capsys.readouterr()
    assert code in (0, 75), out + err
    assert ("no control was run" in out) is not control
    record = Run.load(tmp_path / "latest").record
    (entry,) = record.migrations
    asked = record.asked_of(entry)
    assert worst(verdict.state for verdict in asked) in ("PASS", "INCONCLUSIVE")
    assert asked == proof_verdicts(entry, Run.load(tmp_path / "latest").live_samples())
    assert worth(entry).startswith("Each query saves")
    windows = set(pd.read_parquet(tmp_path / "latest" / "live.parquet")["scenario"])
    assert {f"what-if/{name}" for name in ("baseline_writers", "build_1_readers", "after_writers")} <= windows
    assert ("what-if/control_writers" in windows) is control
    with ledger.connect() as connection:
        assert connection.execute("SELECT count(*) FROM ledger").fetchone() == (503_000,)


@pytest.mark.proof
def test_ctrl_c_leaves_no_schema_behind_and_says_in_the_run_that_it_was_interrupted(
    ledger, postgres, tmp_path
):
    index = ["--what-if", UP, "--query", QUERY, "--parameters", '{"wallet": 7}']
    place = ["--dsn", postgres.dsn, "--schema", ledger.schema, "--runs-dir", str(tmp_path)]
    command = [sys.executable, "-m", "tailguard", "migrate", "prove", *index, *place]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, encoding="utf-8") as process:
        said = iter(process.stderr.readline, "")
        assert any("build 1 under load" in line for line in said)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130, rest
    record = Run.load(tmp_path / "latest").record
    assert (record.ended, record.exit_code) == (Ended.INTERRUPTED, 130)
    with ledger.connect() as connection:
        left = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'tailguard_%'"
        ).fetchall()
        running = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend' AND application_name LIKE 'tailguard migrate%'"
        ).fetchone()
    assert left == [(ledger.schema,)]
    assert running == (0,)

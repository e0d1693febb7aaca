"""`tailguard migrate` through the command itself, on a real server: codes, words, and what a killed one leaves."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tailguard.cli.main import run_cli
from tailguard.cli.migrate.progress_line import ProgressLine, progress_text
from tailguard.migrations.blockers import Blocker, Progress
from tests.support.waiting import eventually

pytestmark = pytest.mark.system

NAME = "0009_ledger_newest"
INDEX = "ledger_newest"
UP = f"CREATE INDEX CONCURRENTLY {INDEX} ON ledger (wallet_id, created DESC);"
WRITER = "UPDATE ledger SET created = now() WHERE id = 1"
SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class"
PATIENCE_S = 30.0


@pytest.fixture
def folder(tmp_path, database):
    """A folder with one migration, and its table on the server."""
    files = {
        "up": UP,
        "down": f"DROP INDEX CONCURRENTLY {INDEX};",
        "query": "SELECT id FROM ledger ORDER BY created;",
    }
    for part, text in files.items():
        (tmp_path / f"{NAME}.{part}.sql").write_text(text, encoding="utf-8")
    with database.connect() as connection:
        connection.execute(
            "CREATE TABLE ledger AS SELECT n AS id, n % 9 AS wallet_id, now() AS created FROM generate_series(1, 99) n"
        )
    return tmp_path


@pytest.fixture
def migrate(folder, database, capsys):
    """Call `tailguard migrate` on the test's schema; returns (code, standard output, standard error)."""

    def call(action, *arguments):
        code = run_cli(["migrate", action, "--folder", str(folder), "--dsn", database.conninfo, *arguments])
        return code, *capsys.readouterr()

    return call


@contextmanager
def started(folder, database):
    """Run `tailguard migrate up` in a process of its own, and end it with the block.

    What a test holds open while the process starts is not to count as an old transaction.
    """
    command = [
        sys.executable,
        "-m",
        "tailguard",
        "migrate",
        "up",
        "--folder",
        str(folder),
        "--old-transaction",
        "900",
    ]
    environment = os.environ | {"DATABASE_URL": database.conninfo}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as runner:
        try:
            yield runner
        finally:
            runner.kill()


def building(connection):
    return connection.execute(
        "SELECT pid FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting%'"
    ).fetchone()


def index_state(connection):
    query = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"
    return connection.execute(query, [INDEX]).fetchone()


def test_up_status_down_say_what_they_did_and_end_with_0(migrate, database):
    code, out, _ = migrate("up")
    assert (code, out.startswith(f"{NAME}: built, valid, ")) == (0, True)
    code, out, _ = migrate("status", "--check")
    assert (code, out.startswith(f"{NAME}: valid; ledger: up ")) == (0, True)
    code, out, _ = migrate("down", "0009")
    assert (code, out.startswith(f"{NAME}: dropped, ")) == (0, True)


def test_the_ledger_and_the_database_are_said_aloud_without_the_password(migrate, database):
    _, _, err = migrate("status")
    assert f"schema {database.schema}. The ledger is {database.schema}.tailguard_migrations." in err
    password = psycopg.conninfo.conninfo_to_dict(database.conninfo)["password"]
    assert password not in err


def test_a_named_schema_is_worked_in(folder, database, postgres, capsys):
    code = run_cli(
        ["migrate", "up", "--folder", str(folder), "--dsn", postgres.dsn, "--schema", database.schema]
    )
    assert code == 0
    with database.connect() as connection:
        assert index_state(connection) == (True,)


def test_plan_changes_nothing_and_names_what_up_would_do(migrate, database):
    code, out, _ = migrate("plan")
    assert code == 0
    assert f"{NAME}: absent. Up would do: build on {database.schema}.ledger" in out
    assert "CREATE INDEX CONCURRENTLY" in out
    with database.connect() as connection:
        assert connection.execute("SELECT to_regclass('tailguard_migrations')").fetchone() == (None,)
        assert index_state(connection) is None


def test_status_as_json_is_one_object_a_migration(migrate):
    code, out, _ = migrate("status", "--json", "--check")
    assert code == 65
    assert json.loads(out)["state"] == "absent"


def test_files_that_changed_since_they_were_applied_are_told(migrate, folder):
    migrate("up")
    down = folder / f"{NAME}.down.sql"
    down.write_text(down.read_text(encoding="utf-8").replace("DROP INDEX", "drop index"), encoding="utf-8")
    assert "the files changed since" in migrate("status")[1]


def test_an_equivalent_index_stops_up_unless_allowed(migrate, database):
    with database.connect() as connection:
        connection.execute("CREATE INDEX ascending ON ledger (wallet_id, created)")
    assert "stop: ascending" in migrate("plan")[1]
    code, _, err = migrate("up")
    assert code == 64
    assert "ascending (btree (wallet_id, created)) already serves it" in err
    assert migrate("up", "--allow-equivalent")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["up", "0008"], "There is no migration '0008'. Known: 0009_ledger_newest"),
        (["down"], "Name the migrations to take back, or say --all"),
        (["up", "--deadline", "soon"], "is not a valid float"),
        (["up", "--folder", "/absent"], "The migrations folder /absent does not exist"),
        (["up", "--dsn", "postgresql://u:secret@127.0.0.1:1/x"], "127.0.0.1:1/x"),
    ],
)
def test_usage_errors_end_with_64_and_the_next_step(migrate, arguments, message):
    code, _, err = migrate(*arguments)
    assert code == 64
    assert message in err
    assert "secret" not in err


def test_a_schema_without_a_database_is_refused(folder, capsys, monkeypatch):
    for name in ("DATABASE_URL", "PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE", "PGHOSTADDR"):
        monkeypatch.delenv(name, raising=False)
    assert run_cli(["migrate", "status", "--schema", "x", "--folder", str(folder)]) == 64
    assert "--schema x is for your own database" in capsys.readouterr().err


def test_what_postgresql_refuses_is_one_message(migrate, folder):
    (folder / f"{NAME}.up.sql").write_text(UP.replace("wallet_id", "absent"), encoding="utf-8")
    code, _, err = migrate("status")
    assert code == 64
    assert "42703" in err


def test_a_deadline_ends_with_75_and_names_the_blocker(migrate, database):
    with database.connect(autocommit=False) as reader:
        reader.execute(SNAPSHOT)
        code, _, err = migrate("up", "--deadline", "0.4")
        assert code == 75
        assert f"pid {reader.info.backend_pid}" in err


def test_a_killed_runner_leaves_nothing_that_the_next_up_does_not_mend(migrate, folder, database):
    """kill -9 in mid-build: the server stops the build by itself, and `up` heals and builds."""
    with database.connect(autocommit=False) as writer, database.connect() as connection:
        writer.execute(WRITER)
        with started(folder, database):
            eventually(lambda: building(connection))
        eventually(lambda: not building(connection))
        assert index_state(connection) == (False,)
        writer.rollback()
        code, out, _ = migrate("up")
        assert code == 0
        assert f"(dropped before: {INDEX})" in out
        assert index_state(connection) == (True,)


def test_ctrl_c_ends_with_130_and_leaves_no_index(folder, database):
    with database.connect(autocommit=False) as reader, database.connect() as connection:
        reader.execute(SNAPSHOT)
        with started(folder, database) as runner:
            eventually(lambda: building(connection))
            runner.send_signal(signal.SIGINT)
            _, err = runner.communicate(timeout=PATIENCE_S)
        assert runner.returncode == 130, err
        assert index_state(connection) is None


def test_the_workbench_is_seeded_once_and_kept(folder, monkeypatch, capsys):
    for name in ("DATABASE_URL", "PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE", "PGHOSTADDR"):
        monkeypatch.delenv(name, raising=False)
    place = Path(tempfile.mkdtemp(prefix="tailguard-test-"))
    place.chmod(0o755)  # the server's account must reach it
    monkeypatch.setattr("tailguard.cli.migrate.target.workbench_dir", lambda name: place / name)
    try:
        assert run_cli(["migrate", "up", "0001"]) == 0
        first = capsys.readouterr()
        assert "this is the workbench" in first.err
        assert "Seeding it once" in first.err
        assert run_cli(["migrate", "status"]) == 0
        second = capsys.readouterr()
        assert "Seeding" not in second.err
        assert "0001_idx_tx_wallet_created_desc: valid" in second.out
        assert "0002_idx_moderation_ref_created_desc: absent" in second.out
    finally:
        shutil.rmtree(place)


BLOCKER = Blocker(77, "app", "psql", "idle in transaction", 4.0, "UPDATE")


def test_the_progress_line_shows_phase_blocks_and_blockers():
    look = Progress(2.0, "building index: scanning table", 50, 200, (BLOCKER,))
    text = progress_text(look)
    assert "building index: scanning table [#####               ] 25 % of 200 blocks" in text
    assert text.endswith(", waits for pid 77 (app, idle in transaction)")


def test_without_a_terminal_a_phase_is_one_line(tmp_path):
    with (tmp_path / "log").open("w+", encoding="utf-8") as stream:
        line = ProgressLine(stream)
        for elapsed_s, phase in (
            (0.1, "waiting for writers"),
            (0.2, "waiting for writers"),
            (0.3, "scanning"),
        ):
            line(Progress(elapsed_s, phase, 0, 0, ()))
        line.close()
        stream.seek(0)
        assert [text.split(": ")[1] for text in stream.read().splitlines()] == [
            "waiting for writers",
            "scanning",
        ]


@pytest.mark.proof
def test_ten_kills_at_random_moments_of_a_build_end_ten_times_with_a_valid_index(folder, database, migrate):
    moments = random.Random(5)
    left = []
    with database.connect() as connection:
        connection.execute("INSERT INTO ledger SELECT n, n % 9, now() FROM generate_series(100, 400000) n")
        for _ in range(10):
            with started(folder, database):
                eventually(lambda: index_state(connection))
                time.sleep(moments.uniform(0, 0.4))
            left.append(index_state(connection))
            assert migrate("up")[0] == 0
            assert index_state(connection) == (True,)
            assert migrate("down", "--all")[0] == 0
    assert (False,) in left, "no kill met a build: the table is too small for this machine"

"""`tailguard migrate prove FILE.sql`: what a user sees, saves and verifies; their own database is only read."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tailguard.base.errors import UsageError
from tailguard.cli.main import run_cli
from tailguard.config.merge import load_config
from tailguard.ddl.source import Source, filled_world
from tailguard.migrations.text.script import blocks, split
from tailguard.migrations.text.sql import statements
from tailguard.postgres.location import connect
from tailguard.proofs.load.own import read_load
from tailguard.record.run import Run
from tests.ddl.matrix import WORLD

FAST = ["--rows", "2000", "--no-control"]


def prove(folder: Path, sql: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    (folder / "change.sql").write_text(sql, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "tailguard",
        "migrate",
        "prove",
        "change.sql",
        "--runs-dir",
        "runs",
        *FAST,
    ]
    return subprocess.run(
        [*command, *arguments], cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False
    )


@pytest.mark.system
def test_a_file_is_proved_its_safe_way_written_and_the_run_verified(tmp_path):
    (tmp_path / "seed").mkdir()
    shutil.copy(WORLD, tmp_path / "seed")
    done = prove(tmp_path, "-- one\nALTER TABLE orders ADD COLUMN x int;\n", "--write-safe", "safe")
    assert done.returncode == 99, done.stdout + done.stderr
    assert "step 1, line 2: FAIL" in done.stdout
    assert "blocks reads and writes to orders for a moment" in done.stdout
    assert "Not safe: step 1, line 2." in done.stdout
    written = (tmp_path / "safe" / "change.step_1.safe.sql").read_text(encoding="utf-8")
    assert "SET lock_timeout = '100ms';\nALTER TABLE orders ADD COLUMN x int;\n" in written
    run = Run.load(tmp_path / "runs" / "latest")
    assert "The safe way" in (run.folder / "report.html").read_text(encoding="utf-8")
    assert run_cli(["verify", str(run.folder)]) == 0


LOAD = """
-- parameters: {"id": 7}
-- parameters: {"id": 700}
SELECT note FROM orders WHERE id = %(id)s;
UPDATE orders SET amount = amount WHERE id = 9;
SELECT gone FROM orders;
"""


@pytest.mark.system
def test_your_own_statements_are_the_load_and_the_real_size_is_predicted_with_a_range(tmp_path):
    (tmp_path / "seed").mkdir()
    shutil.copy(WORLD, tmp_path / "seed")
    (tmp_path / "load.sql").write_text(LOAD, encoding="utf-8")
    arguments = ["--load", "load.sql", "--at-rows", "200000000", "--rows", "8000"]
    done = prove(tmp_path, "ALTER TABLE orders ADD CHECK (amount >= 0);", *arguments)
    assert done.returncode == 99, done.stdout + done.stderr
    assert "load.sql:6 cannot be executed (SQLSTATE 42703)" in done.stdout
    run = Run.load(tmp_path / "runs" / "latest")
    assert run.record.ddl is not None
    (step,) = run.record.ddl.steps
    assert {*step.baseline} == {"writers", "readers"}
    assert step.grows_by == "orders"
    assert sorted({each.rows for each in step.growth}) == [2000, 4000, 8000]
    assert len(step.growth) in (9, 18)  # more runs of a step that is fast
    assert "predicted for 200,000,000 rows: about" in done.stdout
    assert run_cli(["verify", str(run.folder)]) == 0


@pytest.mark.parametrize(
    ("load", "why"),
    [
        ("", "has no statement"),
        ("\nSELECT %(id)s;", "load.sql:2: the query has the parameters ['id']"),
        ("\\d", "psql"),
    ],
)
def test_a_load_that_does_not_fit_together_is_refused_with_its_line(tmp_path, load, why):
    (tmp_path / "load.sql").write_text(load, encoding="utf-8")
    with pytest.raises(UsageError) as told:
        read_load(tmp_path / "load.sql")
    assert why in str(told.value)


@pytest.mark.system
def test_your_database_is_copied_with_what_it_refers_to_and_only_read(own_database):
    dsn = own_database("shop_of_a_user")
    count = "SELECT count(*), max(id), sum(amount) FROM orders"
    with connect(dsn) as connection:
        for statement in statements(WORLD.read_text(encoding="utf-8")):
            connection.execute(statement.encode(), {"rows": 3000} if "%(rows)s" in statement else None)
        connection.execute("ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers (id)")
        connection.execute("CREATE TABLE untouched AS SELECT 1 AS id")
        connection.execute("ANALYZE")
        before = connection.execute(count).fetchone()
    found = blocks(
        [*split("ALTER TABLE orders ALTER note SET NOT NULL; ALTER TABLE events ADD COLUMN x int")]
    )
    with filled_world(Source(2000, dsn), load_config(environ={}), found) as filled:
        assert filled.left_out == ()
        sizes = {name: (size.rows, size.real_rows) for name, size in filled.tables.items()}
        assert (sizes["orders"], sizes["customers"], sizes["untouched"]) == (
            (2000, 3000),
            (1000, 1000),
            (0, 0),
        )
        with filled.world.database(filled.world.base).connect() as copy:
            assert copy.execute("SELECT count(*) FROM orders").fetchone() == (2000,)
            assert copy.execute("SELECT count(*) FROM customers").fetchone() == (1000,)
            assert copy.execute("SELECT count(*) FROM events").fetchone() == (2000,)
            assert copy.execute("SELECT count(*) FROM untouched").fetchone() == (0,)
            keys = "SELECT count(*) FROM pg_constraint WHERE contype IN ('p', 'f') AND connamespace = %s::regnamespace"
            assert copy.execute(keys, ["public"]).fetchone() == (7,)
            new = copy.execute("INSERT INTO orders (customer_id) VALUES (1) RETURNING id").fetchone()
            highest = copy.execute("SELECT max(id) FROM orders").fetchone()
            assert new == highest
    with connect(dsn) as connection:
        assert connection.execute(count).fetchone() == before


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("", "has no statement to prove"),
        ("\\set x 1\n", r"change.sql:1: \set is a command of psql"),
        ("BEGIN; SELECT 1;", "change.sql:1: BEGIN is never committed"),
    ],
)
def test_a_file_that_no_server_can_execute_is_refused_with_the_line(
    tmp_path, monkeypatch, capsys, sql, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "change.sql").write_text(sql, encoding="utf-8")
    assert run_cli(["migrate", "prove", "change.sql"]) == 64
    assert message in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_cli(["migrate", "prove", "absent.sql"]) == 64
    assert "absent.sql" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--growth"], ["--folder", "."], ["--query", "SELECT 1"]])
def test_options_of_an_index_are_refused_for_a_file(option, capsys):
    assert run_cli(["migrate", "prove", "change.sql", *option]) == 64
    assert "are for an index" in capsys.readouterr().err


def test_options_of_a_file_are_refused_for_an_index(capsys):
    assert run_cli(["migrate", "prove", "0001", "--at-rows", "5"]) == 64
    assert "are for a FILE.sql" in capsys.readouterr().err

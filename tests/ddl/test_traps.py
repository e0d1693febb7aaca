"""What a file sets for its session: a search path, a role, a limit in a transaction; and a block of statements."""

import pytest

from tailguard.cli.main import run_cli
from tailguard.postgres.location import connect
from tests.ddl.matrix import accused, answers, failed, proved_sql
from tests.ddl.test_prove_file import prove

SHOP = """
CREATE SCHEMA shop;
CREATE TABLE shop.orders (id bigint PRIMARY KEY, note text, amount int NOT NULL DEFAULT 0);
INSERT INTO shop.orders SELECT n, 'note', n FROM generate_series(1, 2500) n;
CREATE TABLE orders (id text);
"""


@pytest.mark.system
def test_up_looks_names_up_where_the_file_says_and_takes_its_role(
    own_database, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    dsn = own_database("trapped")
    with connect(dsn) as connection:
        connection.execute(SHOP.encode())
        connection.execute("DROP ROLE IF EXISTS tailguard_trap")
        connection.execute("CREATE ROLE tailguard_trap")
        connection.execute("GRANT ALL ON SCHEMA shop TO tailguard_trap")
        connection.execute("ANALYZE")
    (tmp_path / "shop.sql").write_text(
        "SET search_path = shop;\nCREATE INDEX CONCURRENTLY orders_amount ON orders (amount);\n"
        "UPDATE orders SET note = 'new';\nSET ROLE tailguard_trap;\nCREATE TABLE baskets (id int);\nRESET ROLE;\n"
        "BEGIN;\nSET LOCAL statement_timeout = '9s';\nSET LOCAL work_mem = '8MB';\n"
        "ALTER TABLE orders ADD COLUMN extra int;\nCOMMIT;\n",
        encoding="utf-8",
    )
    assert run_cli(["migrate", "up", "shop.sql", "--dsn", dsn, "--schema", "shop"]) == 64
    assert "sets its search path itself" in capsys.readouterr().err
    try:
        assert run_cli(["migrate", "up", "shop.sql", "--dsn", dsn]) == 0, capsys.readouterr().err
        assert "all 4 steps are done" in capsys.readouterr().out
        with connect(dsn) as connection:
            valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'shop.orders_amount'::regclass"
            assert connection.execute(valid).fetchone() == (True,)
            changed = "SELECT count(*), count(extra) FROM shop.orders WHERE note = 'new'"
            assert connection.execute(changed).fetchone() == (2500, 0)
            owner = "SELECT relowner::regrole::text FROM pg_class WHERE oid = 'shop.baskets'::regclass"
            assert connection.execute(owner).fetchone() == ("tailguard_trap",)
    finally:
        with connect(dsn) as connection:
            connection.execute("DROP OWNED BY tailguard_trap")
            connection.execute("DROP ROLE tailguard_trap")


@pytest.mark.proof
def test_a_proof_looks_names_up_where_the_file_says(tmp_path):
    (tmp_path / "seed").mkdir()
    (tmp_path / "seed" / "shop.sql").write_text(SHOP, encoding="utf-8")
    sql = "SET search_path = shop;\nSET ROLE app;\nALTER TABLE orders ADD COLUMN x int;\n"
    sql += "CREATE INDEX CONCURRENTLY orders_amount ON orders (amount);\n"
    done = prove(tmp_path, sql, "--write-safe", "safe")
    assert done.returncode == 99, done.stdout + done.stderr
    assert "Left out: SET ROLE app: the copy has no roles" in done.stdout
    assert "step 1, line 3: FAIL" in done.stdout
    assert "longest wait of writers" in done.stdout
    assert "step 2, line 4: PASS" in done.stdout
    written = (tmp_path / "safe" / "change.step_1.safe.sql").read_text(encoding="utf-8")
    assert written.startswith('SET search_path TO "shop";\n')


@pytest.mark.proof
def test_a_block_of_statements_and_a_limit_in_a_transaction_are_seen_through(world):
    found = proved_sql(
        world,
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_attribute WHERE attname = 'gone') THEN"
        " ALTER TABLE orders ADD COLUMN seen int; END IF; END $$;"
        " BEGIN; SET LOCAL statement_timeout = '20s'; SET LOCAL work_mem = '8MB';"
        " ALTER TABLE orders ADD COLUMN kept int; COMMIT;",
    )
    assert {"1 longest wait of readers", "2 longest wait of readers"} <= {*failed(found)}
    assert "blocks reads and writes to orders for a moment" in answers(found)["1 locks"].observed
    assert accused(found) == []
    safe = found.proof.steps[1].safe
    assert safe is not None
    assert [each.text for each in safe.statements] == [
        "SET work_mem = '8MB'",
        "ALTER TABLE orders ADD COLUMN kept int",
    ]

"""Migrations as others write them, on a real server: names, rights, constraints, whole rows, standbys."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from psycopg import sql

from tailguard.cli.main import run_cli
from tailguard.postgres.database import Database
from tailguard.postgres.location import connect
from tailguard.postgres.server import embedded_postgres
from tests.support.migration_world import InBackground, builder_pid, open_transaction

pytestmark = pytest.mark.system

ORDERS = (
    "CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id bigint, status text,"
    " created_at timestamptz DEFAULT now())"
)
ROWS = (
    "INSERT INTO orders (customer_id, status) SELECT g % 50, CASE WHEN g % 10 = 0 THEN 'open' ELSE 'done' END"
    " FROM generate_series(1, 500) g"
)
LEDGER = (
    "CREATE TABLE tailguard_migrations (id int, slug text, action text, sha256 text, recorded timestamptz)"
)
LONG = "in_app_agent_conversations_project_id_created_by_user_id_deleted_at_updated_at_id_idx"
QUOTED_LONG = '"AuditLogExportRequest_siteId_userId_startDate_duration_idx"'


class Said(NamedTuple):
    code: int
    out: str
    err: str


Migrate = Callable[..., Said]


@pytest.fixture
def migrate(database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Migrate:
    """Call `tailguard migrate` with a folder of the test's, on its schema unless another place is given."""
    with database.connect() as connection:
        connection.execute(ORDERS)
        connection.execute(ROWS.encode())

    def call(action: str, *arguments: str, dsn: str = database.conninfo) -> Said:
        code = run_cli(["migrate", action, "--folder", str(tmp_path), "--dsn", dsn, *arguments])
        return Said(code, *capsys.readouterr())

    return call


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., None]:
    def files(up: str, down: str, name: str = "0001_it") -> None:
        (tmp_path / f"{name}.up.sql").write_text(up, encoding="utf-8")
        (tmp_path / f"{name}.down.sql").write_text(down, encoding="utf-8")

    return files


def build(write: Callable[..., None], index: str, shape: str = "orders (customer_id, created_at)") -> None:
    write(f"CREATE INDEX CONCURRENTLY {index} ON {shape}", f"DROP INDEX CONCURRENTLY {index}")


def indexes(database: Database, table: str = "orders") -> set[str]:
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = %s::regclass AND NOT indisprimary",
            [table],
        )
        return {row[0] for row in rows}


@pytest.mark.parametrize("index", [LONG, QUOTED_LONG, "Été_Idx", '"Odd ""name"", with. all"', "É" * 40])
def test_a_name_is_found_again_as_the_server_folds_and_cuts_it(
    migrate: Migrate, write: Callable[..., None], database: Database, index: str
) -> None:
    build(write, index)
    assert migrate("up").out.startswith("0001_it: built, valid")
    assert migrate("status", "--check").code == 0
    assert migrate("up").out.startswith("0001_it: already there, valid")
    assert len(indexes(database)) == 1
    assert migrate("down").code == 64
    assert migrate("down", "--all").out.startswith("0001_it: dropped")
    assert indexes(database) == set()


@pytest.mark.parametrize("index", [LONG, QUOTED_LONG, "É" * 40])
def test_half_of_a_rebuild_of_a_long_name_is_healed(
    migrate: Migrate, write: Callable[..., None], database: Database, index: str
) -> None:
    build(write, index)
    migrate("up")
    with open_transaction(database, "SELECT FROM orders FOR UPDATE") as writer:
        rebuild = InBackground(lambda: rebuilt(database, index))
        pid = builder_pid(database)
        with database.connect() as other:
            other.execute("SELECT pg_cancel_backend(%s)", [pid])
        with pytest.raises(psycopg.errors.QueryCanceled):
            rebuild.result()
        writer.rollback()
    assert len(indexes(database)) == 2
    assert "left behind" in migrate("status").out
    assert "_cc" in migrate("heal").out
    assert len(indexes(database)) == 1


def rebuilt(database: Database, index: str) -> None:
    with database.connect() as connection:
        connection.execute(f"REINDEX INDEX CONCURRENTLY {index}".encode())


@pytest.mark.parametrize(
    ("taken", "words"),
    [
        ("CREATE TABLE other (a int); CREATE INDEX it ON other (a)", "it is an index of {schema}.other"),
        ("CREATE TABLE it (a int)", "it is a table"),
        ("CREATE SEQUENCE it", "it is a sequence"),
        ("CREATE VIEW it AS SELECT 1 AS a", "it is a view"),
    ],
)
def test_a_name_that_something_else_bears_is_told_by_plan_as_by_up(
    migrate: Migrate, write: Callable[..., None], database: Database, taken: str, words: str
) -> None:
    build(write, "it")
    with database.connect() as connection:
        connection.execute(taken.encode())
    planned, done = migrate("plan"), migrate("up")
    assert (planned.code, done.code) == (64, 64)
    words = words.replace("{schema}", database.schema)
    assert words in planned.out
    assert words in done.err
    assert "Rename or drop it" in done.err
    assert indexes(database) == set()


def test_an_index_that_a_constraint_needs_is_not_dropped_and_the_constraint_is_named(
    migrate: Migrate, write: Callable[..., None], database: Database
) -> None:
    with database.connect() as connection:
        connection.execute("ALTER TABLE orders ADD CONSTRAINT one_customer UNIQUE (id, customer_id)")
    write(
        "DROP INDEX CONCURRENTLY one_customer",
        "CREATE UNIQUE INDEX CONCURRENTLY one_customer ON orders (id, customer_id)",
    )
    planned, done = migrate("plan"), migrate("up")
    assert (planned.code, done.code) == (64, 64)
    for told in (planned.out, done.err):
        assert f"the constraint one_customer of {database.schema}.orders" in told
        assert "ALTER TABLE" in told


def test_an_index_of_a_partition_that_its_parent_needs_is_not_dropped(
    migrate: Migrate, write: Callable[..., None], database: Database
) -> None:
    with database.connect() as connection:
        connection.execute("CREATE TABLE parts (id int, at date) PARTITION BY RANGE (id)")
        connection.execute("CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (9)")
        connection.execute("CREATE INDEX parts_at ON parts (at)")
    write("DROP INDEX CONCURRENTLY part_at_idx", "CREATE INDEX CONCURRENTLY part_at_idx ON part (at)")
    assert "belongs to the partitioned index" in migrate("plan").out


@pytest.fixture
def clerk(database: Database) -> Callable[..., str]:
    """Make a role with the given rights; returns its conninfo."""
    with database.connect() as connection:
        connection.execute("CREATE ROLE clerk LOGIN PASSWORD 'clerk-password'")

    def grant(*rights: str) -> str:
        with database.connect() as connection:
            for right in (f"GRANT USAGE ON SCHEMA {database.schema} TO clerk", *rights):
                connection.execute(right.replace("SCHEMA_OF_OURS", database.schema).encode())
        return psycopg.conninfo.make_conninfo(database.conninfo, user="clerk", password="clerk-password")

    yield grant
    with database.connect() as connection:
        connection.execute("DROP OWNED BY clerk")
        connection.execute("DROP ROLE clerk")


@pytest.mark.parametrize(
    ("rights", "words"),
    [
        (["GRANT SELECT ON orders TO clerk"], 'GRANT "tailguard" TO "clerk"'),
        (["CREATE TABLE own (customer_id bigint, created_at timestamptz)", "ALTER TABLE own OWNER TO clerk"],
         'GRANT CREATE ON SCHEMA "SCHEMA_OF_OURS" TO "clerk"'),
        (["CREATE TABLE own (customer_id bigint, created_at timestamptz)", "ALTER TABLE own OWNER TO clerk",
          "GRANT CREATE ON SCHEMA SCHEMA_OF_OURS TO clerk", LEDGER],
         'GRANT SELECT, INSERT ON "SCHEMA_OF_OURS".tailguard_migrations TO "clerk"'),
    ],
    ids=["not the owner", "no CREATE on the schema", "no right to the ledger"],
)  # fmt: skip
def test_a_missing_right_names_the_role_and_the_grant_in_plan_as_in_up(
    migrate: Migrate,
    write: Callable[..., None],
    database: Database,
    clerk: Callable[..., str],
    rights: list[str],
    words: str,
) -> None:
    dsn = clerk(*rights)
    build(write, "it", f"{'own' if len(rights) > 1 else 'orders'} (customer_id, created_at)")
    words = words.replace("SCHEMA_OF_OURS", database.schema)
    planned, done = migrate("plan", dsn=dsn), migrate("up", dsn=dsn)
    assert (planned.code, done.code) == (64, 64)
    assert words in planned.out
    assert words in done.err


def test_a_schema_that_may_not_be_seen_names_the_grant(
    migrate: Migrate, write: Callable[..., None], database: Database, clerk: Callable[..., str]
) -> None:
    dsn = clerk()
    with database.connect() as connection:
        connection.execute(
            sql.SQL("REVOKE USAGE ON SCHEMA {} FROM clerk").format(sql.Identifier(database.schema))
        )
    build(write, "it", f"{database.schema}.orders (customer_id)")
    done = migrate("plan", "--schema", "pg_catalog", dsn=dsn)
    assert done.code == 64
    assert f'GRANT USAGE ON SCHEMA {database.schema} TO "clerk"' in done.out


def test_an_index_on_whole_rows_is_built_and_said_to_be_uncompared(
    migrate: Migrate, write: Callable[..., None], database: Database
) -> None:
    with database.connect() as connection:
        connection.execute("CREATE TABLE people (fname text, lname text)")
        connection.execute(
            "CREATE FUNCTION full_name(people) RETURNS text LANGUAGE sql IMMUTABLE AS"
            " $$ SELECT $1.fname || ' ' || $1.lname $$"
        )
    build(write, "it", "people (full_name(people))")
    assert migrate("plan").code == 0
    assert migrate("up").out.startswith("0001_it: built, valid")
    again = migrate("up")
    assert again.out.startswith(
        "0001_it: already there, valid, but not compared with the file: it indexes whole rows"
    )
    assert "not compared: it indexes whole rows" in migrate("status", "--check").out
    assert migrate("down", "--all").out.startswith("0001_it: dropped")


def test_a_function_that_does_not_exist_is_no_whole_row(
    migrate: Migrate, write: Callable[..., None], database: Database
) -> None:
    build(write, "it", "orders (absent(status))")
    done = migrate("up")
    assert done.code == 64
    assert "42883" in done.err
    assert "You might need to add explicit type casts." in done.err  # PostgreSQL's own HINT


def test_a_partial_index_is_built_beside_a_full_one_of_its_columns(
    migrate: Migrate, write: Callable[..., None], database: Database
) -> None:
    build(write, "queue", "orders (id) WHERE status IN ('open', 'new') AND customer_id IS NOT NULL")
    assert migrate("plan").code == 0
    assert migrate("up").out.startswith("0001_it: built, valid")


def test_plan_of_a_missing_table_ends_as_up_would(migrate: Migrate, write: Callable[..., None]) -> None:
    build(write, "it", "nosuch (id)")
    planned = migrate("plan")
    assert planned.code == 64
    assert "no table nosuch" in planned.out
    assert migrate("up").code == 64


def test_one_bad_file_stops_no_other_migration(
    migrate: Migrate, write: Callable[..., None], tmp_path: Path, database: Database
) -> None:
    build(write, "it")
    (tmp_path / "0004_half.up.sql").write_text("ALTER TABLE orders ADD x int", encoding="utf-8")
    assert migrate("up", "it").code == 0
    told = migrate("status").out.splitlines()
    assert [line.split(";")[0] for line in told] == ["0001_it: valid", "0004_half: bad file"]
    planned = migrate("plan")
    assert planned.code == 64
    assert "0004_half.down.sql is missing" in planned.out
    assert "Name the migrations that are meant" in migrate("up").err
    assert migrate("down", "it").out.startswith("0001_it: dropped")
    assert migrate("status", "half").code == 64


def test_the_ledger_that_is_told_is_the_one_that_is_written(
    migrate: Migrate, write: Callable[..., None], database: Database, said: pytest.LogCaptureFixture
) -> None:
    build(write, "it", f"{database.schema}.orders (customer_id, created_at)")
    with database.connect() as connection:
        connection.execute("CREATE SCHEMA tailguard_first")
    try:
        migrate("up", "--schema", "tailguard_first")
        assert f"The ledger is {database.schema}.tailguard_migrations" in said.text
        with database.connect() as connection:
            assert connection.execute("SELECT count(*) FROM tailguard_migrations").fetchone() == (1,)
    finally:
        with database.connect() as connection:
            connection.execute("DROP SCHEMA tailguard_first")


def test_heal_keeps_its_deadline(migrate: Migrate, write: Callable[..., None], database: Database) -> None:
    """One second for the drop, not another ten for clearing up after it."""
    build(write, "it")
    with database.connect() as connection:
        connection.execute("CREATE INDEX it ON orders (customer_id, created_at)")
        connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'it'::regclass")
    with open_transaction(database, "SELECT FROM orders FOR UPDATE"):
        done = migrate("heal", "--deadline", "1")
    assert done.code == 75
    assert "Cancelled after 1" in done.err
    assert "run heal again later" in done.err
    assert "10 s" not in done.err


def test_status_and_plan_work_on_a_standby(
    tmp_path: Path, write: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """A server in recovery makes no temporary copy to compare an index with: that is said, and all else told."""
    place = Path("/var/tmp") / f"tailguard-standby-{os.getpid()}"  # the server's own account must reach it
    write("CREATE INDEX CONCURRENTLY it ON orders (id)", "DROP INDEX CONCURRENTLY it")
    try:
        with embedded_postgres(data_dir=place) as server, connect(server.dsn) as connection:
            connection.execute("CREATE TABLE orders (id int); CREATE INDEX it ON orders (id);")
        (place / "data" / "standby.signal").touch()
        with embedded_postgres(data_dir=place) as server:
            command = ["--folder", str(tmp_path), "--dsn", server.dsn, "--schema", "public"]
            assert run_cli(["migrate", "status", "--check", *command]) == 0
            assert "valid, not compared: this server or session only reads" in capsys.readouterr().out
            with connect(server.dsn) as connection:
                assert connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)
            write(
                "CREATE INDEX CONCURRENTLY more ON orders (id)", "DROP INDEX CONCURRENTLY more", "0002_more"
            )
            assert run_cli(["migrate", "plan", "more", *command]) == 64
            assert (
                "stop: this server or session only reads (a standby?): go to the primary"
                in capsys.readouterr().out
            )
    finally:
        shutil.rmtree(place, ignore_errors=True)

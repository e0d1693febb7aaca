"""`migrate up FILE.sql` on a real server: waiting within a budget, a kill in each phase, and what mends it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tailguard.base.errors import UsageError
from tailguard.cli.main import run_cli
from tailguard.ddl.apply.runner import FileRunner
from tailguard.ddl.apply.steps import Steps
from tailguard.migrations.errors import MigrationStoppedError
from tailguard.postgres.database import Database, schema_on
from tailguard.postgres.server import embedded_postgres
from tests.support.applied import BUSY, ROWS, TABLES, AppliedWorld, planned
from tests.support.migration_world import InBackground, open_transaction
from tests.support.postgres_versions import DEBIAN_15, needs_15
from tests.support.waiting import eventually

pytestmark = pytest.mark.system

INVALID = """
SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = indexrelid
WHERE NOT indisvalid AND relnamespace = current_schema()::regnamespace
"""
WRITER = "UPDATE orders SET note = 'changed' WHERE id = 1"
READER = "SELECT count(*) FROM events"
MAINTENANCE = "LOCK TABLE orders IN SHARE UPDATE EXCLUSIVE MODE"
BACKFILL = """DO $batches$
DECLARE
  at bigint := (SELECT min(id) FROM orders);
BEGIN
    UPDATE orders SET amount = amount + 1 WHERE id >= at AND id <= upto;
    COMMIT;
END $batches$"""


@dataclass(frozen=True)
class Phase:
    """Where a kill meets `up`: the step, who holds it up and how, what is left, and how heal says that it mends it."""

    step: str
    held_by: str
    left: str
    healed: str
    before: str = ""
    busy: str = BUSY


CHECK = "ALTER TABLE orders ADD CONSTRAINT orders_check CHECK (amount >= 0) NOT VALID"
PHASES = {
    "backfill": Phase(
        BACKFILL,
        "SELECT 1 FROM orders WHERE id = 2500 FOR UPDATE",
        "the backfill of orders is done below id = 2,001 of 5,000",
        "finished",
        busy="SELECT 1 FROM tailguard_steps WHERE reached = 2001",
    ),
    "build": Phase(
        "CREATE INDEX CONCURRENTLY orders_new ON orders (amount)",
        WRITER,
        "INVALID {schema}.orders_new",
        "dropped",
    ),
    "lock": Phase("ALTER TABLE orders ADD COLUMN extra int", WRITER, "", "nothing to heal"),
    "validate": Phase(
        "ALTER TABLE orders VALIDATE CONSTRAINT orders_check",
        MAINTENANCE,
        "the constraint orders_check of orders is NOT VALID",
        "finished",
        CHECK,
    ),
    "rebuild": Phase(
        "REINDEX INDEX CONCURRENTLY orders_old", WRITER, "INVALID {schema}.orders_old_ccnew", "dropped"
    ),
    "rebuilt": Phase(
        "REINDEX INDEX CONCURRENTLY orders_old",
        "SELECT count(*) FROM orders",
        "INVALID {schema}.orders_old_ccold",
        "dropped",
    ),
    "drop": Phase("DROP INDEX CONCURRENTLY orders_old", WRITER, "INVALID orders_old", "finished"),
    "detach": Phase(
        "ALTER TABLE events DETACH PARTITION events_first CONCURRENTLY",
        READER,
        "events_first is detached half way",
        "finished",
    ),
}
QUICK = ("backfill", "build")


@pytest.fixture(autouse=True)
def tables(database: Database) -> None:
    with database.connect() as connection:
        connection.execute(TABLES)


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Callable[..., AppliedWorld]:
    return partial(planned, database, tmp_path)


@pytest.mark.parametrize(
    "name",
    [pytest.param(each, marks=() if each in QUICK else pytest.mark.proof) for each in PHASES],
)
def test_what_a_kill_leaves_is_named_mended_and_the_rest_done(world, name):
    phase = PHASES[name]
    last = "ALTER TABLE orders ADD COLUMN last int"
    own = world(phase.step, last)
    own.ask(phase.before)
    with own.killed(phase.held_by, phase.busy):
        status = own.runner().status()
    assert status.left == phase.left.format(schema=own.database.schema)
    assert not status.finished
    assert phase.healed in own.runner().heal()
    assert own.runner().heal() == "nothing to heal"
    assert own.runner().status().left == ""
    own.up()
    assert own.runner().status().finished
    assert own.up() == []
    assert own.ask("SELECT last FROM orders WHERE id = 1") == (None,)
    assert own.ask(INVALID) == (0,)
    expected = ROWS if name == "backfill" else 0
    assert own.ask("SELECT sum(amount - id) FROM orders") == (expected,)  # each row once, and no row twice


@pytest.mark.parametrize("name", ["backfill", "validate", pytest.param("rebuild", marks=pytest.mark.proof)])
def test_up_finishes_without_heal_what_a_kill_left(world, name):
    phase = PHASES[name]
    own = world(phase.step)
    own.ask(phase.before)
    holding = InBackground(lambda: own.up(wait_s=1.0, deadline_s=6.0))
    with open_transaction(own.database, phase.held_by), pytest.raises(MigrationStoppedError):
        holding.result()
    assert own.runner().status().left == phase.left.format(schema=own.database.schema)
    own.up()
    assert own.runner().status().finished
    assert own.ask("SELECT sum(amount - id) FROM orders") == (ROWS if name == "backfill" else 0,)


def test_the_time_for_waiting_ends_it_and_who_holds_the_lock_is_named(world):
    own = world("ALTER TABLE orders ADD COLUMN a int", "ALTER TABLE orders ADD COLUMN b int")
    with open_transaction(own.database, WRITER) as holder:
        with pytest.raises(
            MigrationStoppedError, match=r"stopped after \d+ attempts.*\(3 s, --wait\)"
        ) as told:
            own.up(wait_s=3.0)
        assert f"held by pid {holder.info.backend_pid}" in str(told.value)
    assert own.runner().status().done == 0
    assert len(own.up()) == 2


def test_two_runners_do_each_step_once(world):
    own = world("ALTER TABLE orders ADD COLUMN a int", BACKFILL)
    first, second = InBackground(own.up), InBackground(own.up)
    assert sorted([len(first.result()), len(second.result())]) == [0, 2]
    assert own.ask("SELECT sum(amount - id) FROM orders") == (ROWS,)


@pytest.mark.proof
@needs_15
def test_the_oldest_version_executes_each_kind_of_step(tmp_path):
    with embedded_postgres(DEBIAN_15) as server, schema_on(server.dsn, server=server) as database:
        with database.connect() as connection:
            connection.execute(TABLES)
            connection.execute(CHECK)
        steps = [phase.step for name, phase in PHASES.items() if name != "rebuilt"]
        own = planned(database, tmp_path, *steps)
        assert len(own.up()) == len(steps)
        assert own.runner().status().finished
        assert own.ask(INVALID) == (0,)


def test_nobody_waits_behind_it_for_longer_than_the_lock_timeout(world):
    own = world("ALTER TABLE orders ADD COLUMN a int")
    with open_transaction(own.database, WRITER) as holder:
        working = InBackground(own.up)
        busy = BUSY
        eventually(lambda: own.ask(busy))
        for _ in range(3):  # each of them meets an attempt or the pause after one
            assert own.ask("SELECT count(*) FROM orders") == (ROWS,)
        holder.rollback()
    (line,) = working.result()
    assert "attempts" in line


def test_a_step_that_postgres_refuses_leaves_those_before_it_done(world):
    own = world(
        "ALTER TABLE orders ADD COLUMN a int",
        CHECK.replace(">= 0", "> 10"),
        "ALTER TABLE orders VALIDATE CONSTRAINT orders_check",
    )
    with pytest.raises(
        UsageError, match=r"step 3: PostgreSQL refuses it \(SQLSTATE 23514\).*Left: the constraint"
    ):
        own.up()
    assert own.runner().status().done == 2
    with own.database.connect() as connection:
        connection.execute("UPDATE orders SET amount = 11 WHERE amount <= 10")
    own.up()
    assert own.runner().status().finished


def test_a_block_that_commits_by_itself_is_not_done_twice(world):
    own = world("DO $$ BEGIN UPDATE orders SET amount = amount + 1; COMMIT; PERFORM pg_sleep(60); END $$")
    with pytest.raises(MigrationStoppedError):
        own.up(deadline_s=4.0)
    with pytest.raises(UsageError, match=r"was begun and commits by itself.*UPDATE") as told:
        own.up()
    with own.database.connect() as connection:
        connection.execute(str(told.value).partition("run up again: ")[2].encode())
    assert own.runner().status().finished
    assert own.ask("SELECT sum(amount - id) FROM orders") == (ROWS,)


def test_another_content_under_the_same_name_is_refused(world):
    own = world("ALTER TABLE orders ADD COLUMN a int")
    own.path.write_text("SELECT 2;\n", encoding="utf-8")
    other = Steps(own.database.schema, own.path.name, "another hash")
    with pytest.raises(UsageError, match="its content has changed"):
        FileRunner(own.database, other).status()


def test_a_release_is_asked_for_before_a_column_goes(world):
    own = world("ALTER TABLE orders ADD COLUMN a int")
    with own.database.connect() as connection:
        connection.execute(
            "UPDATE tailguard_steps SET how = 'release', statement = 'no request names orders.x'"
        )
    with pytest.raises(UsageError, match=r"no request names orders\.x\. Then run up again with --released"):
        own.up()
    assert len([*own.runner().up(list, released=True)]) == 1


def test_a_user_plans_and_takes_a_file_up_and_the_safe_way_is_what_is_executed(
    own_database, tmp_path, monkeypatch, capsys
):
    dsn = own_database("applied")
    monkeypatch.chdir(tmp_path)
    place = ["change.sql", "--dsn", dsn]
    with Database(dsn, "public", "18", "yours").connect() as connection:
        connection.execute(TABLES)
        connection.execute("ANALYZE")
    (tmp_path / "change.sql").write_text(
        "SET lock_timeout = '1s';\nALTER TABLE orders ALTER note SET NOT NULL;\n", encoding="utf-8"
    )
    assert run_cli(["migrate", "status", *place, "--check"]) == 65
    assert run_cli(["migrate", "heal", *place]) == 0
    assert "nothing to heal" in capsys.readouterr().out
    assert run_cli(["migrate", "up", *place]) == 0
    told = capsys.readouterr().out
    assert "step 4: done" in told
    assert "all 4 steps are done" in told
    assert run_cli(["migrate", "plan", *place]) == 0
    assert "ADD CONSTRAINT orders_note_set CHECK (note IS NOT NULL) NOT VALID" in capsys.readouterr().out
    for text, why in (
        ("VACUUM FULL orders", "line 1: No statement of PostgreSQL shrinks a table"),
        ("ALTER TABLE orders ALTER amount TYPE bigint", "default value for column amount"),
        ("CREATE INDEX CONCURRENTLY ON orders (amount)", "Name it"),
        ("ALTER TABLE orders ADD COLUM x", "SQLSTATE"),
    ):
        (tmp_path / "other.sql").write_text(text, encoding="utf-8")
        assert run_cli(["migrate", "up", "other.sql", "--dsn", dsn]) == 64
        assert why in capsys.readouterr().err
    assert run_cli(["migrate", "status", "other.sql", "--dsn", dsn]) == 0
    assert "not begun" in capsys.readouterr().out


def test_a_file_beside_other_names_is_refused(capsys):
    assert run_cli(["migrate", "up", "a.sql", "0001"]) == 64
    assert "name one FILE.sql alone" in capsys.readouterr().err
    assert run_cli(["migrate", "down", "a.sql"]) == 64
    assert "way back" in capsys.readouterr().err
    assert run_cli(["migrate", "up", "--released"]) == 64

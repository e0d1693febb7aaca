"""The runner on a real server: every way in which a concurrent build is known to fail, and what is left after it."""

import contextlib
import os
import signal
from dataclasses import replace

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tailguard.migrations import ledger
from tailguard.migrations.errors import DuplicateValuesError, MigrationStoppedError
from tailguard.postgres.database import schema_on
from tailguard.postgres.location import connect
from tailguard.postgres.server import embedded_postgres
from tests.support.migration_world import (
    INDEX,
    OLD_SNAPSHOT,
    OPEN_WRITER,
    UP,
    InBackground,
    builder_pid,
    leave_invalid,
    make_ledger,
    migration,
    open_transaction,
    runner,
    state,
)

pytestmark = pytest.mark.system

VALID = (True, True)
UNIQUE = f"CREATE UNIQUE INDEX CONCURRENTLY {INDEX} ON ledger (wallet_id)"


@pytest.fixture(autouse=True)
def tables(database):
    make_ledger(database)


def test_up_builds_a_valid_index_and_says_so(database):
    outcome = runner(database).apply(migration())
    assert (outcome.done, outcome.healed, outcome.failures) == ("built, valid", (), ())
    assert state(database) == VALID


def test_up_again_builds_nothing(database):
    runner(database).apply(migration())
    assert runner(database).apply(migration()).done == "already there, valid"


def test_down_removes_the_index_and_down_again_finds_it_gone(database):
    runner(database).apply(migration())
    assert runner(database).revert(migration()).done == "dropped"
    assert state(database) is None
    assert runner(database).revert(migration()).done == "already gone"


def test_the_ledger_tells_what_was_applied_with_which_content(database):
    runner(database).apply(migration())
    with database.connect() as connection:
        entry = ledger.last_entry(connection, database.schema, migration())
        assert (entry.action, entry.sha256) == ("up", migration().sha256)
        runner(database).revert(migration())
        assert ledger.last_entry(connection, database.schema, migration()).action == "down"


def test_an_invalid_leftover_is_healed_before_the_build(database):
    leave_invalid(database)
    assert state(database) != VALID
    outcome = runner(database).apply(migration())
    assert (outcome.done, outcome.healed) == ("built, valid", (INDEX,))
    assert state(database) == VALID


def test_heal_drops_the_leftover_and_nothing_else(database):
    leave_invalid(database)
    assert runner(database).heal(migration()).healed == (INDEX,)
    assert state(database) is None
    runner(database).apply(migration())
    assert runner(database).heal(migration()).done == "nothing to heal"
    assert state(database) == VALID


def test_half_of_a_cancelled_rebuild_is_healed(database):
    runner(database).apply(migration())
    with open_transaction(database, OPEN_WRITER), database.connect() as connection:
        connection.execute("SET statement_timeout = '200ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute(f"REINDEX INDEX CONCURRENTLY {INDEX}")
    assert state(database, f"{INDEX}_ccnew") is not None
    assert runner(database).apply(migration()).healed == (f"{INDEX}_ccnew",)
    assert state(database, f"{INDEX}_ccnew") is None
    assert state(database) == VALID


def test_a_cancelled_build_is_tried_again(database):
    with open_transaction(database, OPEN_WRITER) as writer:
        build = InBackground(lambda: runner(database).apply(migration()))
        pid = builder_pid(database)
        with database.connect() as other:
            other.execute("SELECT pg_cancel_backend(%s)", [pid])
        writer.rollback()
    outcome = build.result()
    assert outcome.done == "built, valid"
    assert [failure[:5] for failure in outcome.failures] == ["57014"]
    assert state(database) == VALID


def test_a_terminated_build_is_tried_again_on_a_new_connection(database):
    with open_transaction(database, OPEN_WRITER) as writer:
        build = InBackground(lambda: runner(database).apply(migration()))
        pid = builder_pid(database)
        with database.connect() as other:
            other.execute("SELECT pg_terminate_backend(%s)", [pid])
        writer.rollback()
    outcome = build.result()
    assert [failure[:5] for failure in outcome.failures] == ["57P01"]
    assert outcome.healed == (INDEX,)
    assert state(database) == VALID


def test_attempts_are_bounded_and_the_error_tells_each_of_them(database):
    with open_transaction(database, OPEN_WRITER) as writer:
        build = InBackground(lambda: runner(database, attempts=1).apply(migration()))
        with database.connect() as other:
            other.execute("SELECT pg_cancel_backend(%s)", [builder_pid(database)])
        writer.rollback()
    with pytest.raises(MigrationStoppedError, match="given up after 1 attempts: 57014 canceling statement"):
        build.result()
    assert state(database) is None


@pytest.fixture
def hasty(postgres):
    """The name of a superuser of the session's server, whose own settings a test may change."""
    with connect(postgres.dsn) as admin:
        admin.execute("CREATE ROLE hasty LOGIN SUPERUSER PASSWORD 'hasty-password'")
        yield "hasty"
        admin.execute("DROP OWNED BY hasty")
        admin.execute("DROP ROLE hasty")


@pytest.mark.parametrize("timeout", ["statement_timeout", "lock_timeout", "transaction_timeout"])
def test_time_outs_of_the_role_do_not_end_a_build_half_way(database, hasty, timeout):
    """The role's time-out is shorter than the wait for the open writer; ours alone counts."""
    with database.connect() as admin:
        admin.execute(f"ALTER ROLE {hasty} SET {timeout} = '300ms'")
    theirs = replace(
        database, conninfo=make_conninfo(database.conninfo, user=hasty, password="hasty-password")
    )
    with open_transaction(database, OPEN_WRITER) as writer:
        build = InBackground(lambda: runner(theirs).apply(migration()))
        builder_pid(database)
        assert build.join(0.6) is None
        assert build.is_alive()
        writer.rollback()
    assert build.result().failures == ()
    assert state(database) == VALID


def test_duplicate_values_are_reported_once_and_nothing_is_left(database):
    with pytest.raises(DuplicateValuesError, match=r"Key \(wallet_id\)=\(\d+\) is duplicated") as raised:
        runner(database).apply(migration(UNIQUE))
    assert raised.value.exit_code == 65
    assert state(database) is None


def test_an_open_writer_is_waited_for_and_named(database):
    seen = []
    with open_transaction(database, OPEN_WRITER) as writer:
        patient = runner(database)
        build = InBackground(
            lambda: type(patient)(database, patient.limits, on_progress=seen.append).apply(migration())
        )
        builder_pid(database, "waiting for writers before build")
        build.join(0.4)
        pid = writer.info.backend_pid
        writer.rollback()
    outcome = build.result()
    assert pid in {blocker.pid for look in seen for blocker in look.blockers}
    assert "waiting for writers before build" in {look.phase for look in outcome.looks}


def test_an_old_snapshot_on_another_table_is_waited_for(database):
    with open_transaction(database, OLD_SNAPSHOT) as reader:
        build = InBackground(lambda: runner(database).apply(migration()))
        builder_pid(database, "waiting for old snapshots")
        reader.rollback()
    build.result()
    assert state(database) == VALID


def test_our_own_deadline_cancels_names_the_blocker_and_clears_up(database):
    with open_transaction(database, OLD_SNAPSHOT) as reader:
        with pytest.raises(MigrationStoppedError) as raised:
            runner(database, deadline_s=0.5).apply(migration())
        assert f"pid {reader.info.backend_pid}" in str(raised.value)
        assert "waiting for old snapshots" in str(raised.value)
    assert raised.value.exit_code == 75
    assert state(database) is None


def test_what_the_clearing_up_could_not_drop_is_named(database, monkeypatch):
    monkeypatch.setattr("tailguard.migrations.runner.CLEAR_UP_S", 0.3)
    with (
        open_transaction(database, OPEN_WRITER),
        pytest.raises(MigrationStoppedError, match="migrate heal 0009_ledger_newest"),
    ):
        runner(database, deadline_s=0.3).apply(migration())
    assert state(database) is not None
    assert runner(database).apply(migration()).healed == (INDEX,)


def test_old_transactions_are_listed_before_anything_is_created(database):
    with open_transaction(database, OLD_SNAPSHOT) as reader:
        reader.execute("SELECT pg_sleep(0.3)")
        with pytest.raises(
            MigrationStoppedError, match=f"pid {reader.info.backend_pid}.*idle in transaction, SELECT"
        ):
            runner(database, old_transaction_s=0.2, wait_s=0.3).apply(migration())
    assert state(database) is None


def test_two_runners_at_once_both_end_green_with_one_valid_index(database):
    with open_transaction(database, OPEN_WRITER) as writer:
        first = InBackground(lambda: runner(database).apply(migration()))
        builder_pid(database)
        second = InBackground(lambda: runner(database).apply(migration()))
        second.join(0.3)
        writer.rollback()
    assert (first.result().done, second.result().done) == ("built, valid", "already there, valid")
    assert first.result().failures == second.result().failures == ()
    assert state(database) == VALID


def test_a_runner_gives_up_behind_another_one_and_names_it(database):
    with open_transaction(database, OPEN_WRITER) as writer:
        first = InBackground(lambda: runner(database).apply(migration()))
        pid = builder_pid(database)
        with pytest.raises(MigrationStoppedError, match=f"another migration runs on .*ledger.*pid {pid}"):
            runner(database, wait_s=0.2).apply(migration())
        writer.rollback()
    assert first.result().done == "built, valid"
    assert state(database) == VALID


def test_a_live_build_of_somebody_else_is_not_dropped_under_his_hands(database):
    def by_hand():
        with database.connect() as connection:
            connection.execute(UP)

    with open_transaction(database, OPEN_WRITER) as writer:
        other = InBackground(by_hand)
        builder_pid(database)
        build = InBackground(lambda: runner(database).apply(migration()))
        build.join(0.3)
        writer.rollback()
    other.result()
    assert build.result().done == "already there, valid"
    assert build.result().healed == ()


def test_names_are_quoted_where_the_file_quotes_them(database):
    quoted = migration(
        'CREATE INDEX CONCURRENTLY "Δ newest" ON ledger (created)', 'DROP INDEX CONCURRENTLY "Δ newest"'
    )
    runner(database).apply(quoted)
    assert state(database, "Δ newest") == VALID
    assert runner(database).revert(quoted).done == "dropped"


def test_a_server_killed_in_mid_build_is_waited_for_and_the_build_done_again():
    """kill -9 of a server process makes the server restart all others: crash recovery in mid-build."""
    settings = {"shared_buffers": "32MB", "restart_after_crash": "on"}
    with embedded_postgres(settings=settings) as server, schema_on(server.dsn) as own:
        make_ledger(own)
        with contextlib.suppress(psycopg.OperationalError), open_transaction(own, OPEN_WRITER):
            build = InBackground(lambda: runner(own).apply(migration()))
            os.kill(builder_pid(own), signal.SIGKILL)
            outcome = build.result()
        assert outcome.done == "built, valid"
        assert outcome.healed == (INDEX,)
        assert state(own) == VALID

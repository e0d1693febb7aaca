"""The database room: a schema of our own, on any server, with nothing else touched."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from types import SimpleNamespace

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tailguard.postgres import schema as schemas
from tailguard.postgres.database import Database, check, open_database, schema_on
from tailguard.postgres.location import DatabaseError, address, connect
from tailguard.postgres.settings import postgres_record

OWNER = """
import sys, time
from tailguard.postgres.database import schema_on
with schema_on(sys.argv[1]) as database:
    print(database.schema, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def admin(postgres):
    """A superuser's connection to the session's server, without a Tailguard schema."""
    with connect(postgres.dsn) as connection:
        yield connection


@pytest.fixture
def guest(postgres, admin):
    """The conninfo of a user who may connect and nothing else."""
    admin.execute("CREATE ROLE guest LOGIN PASSWORD 'guest-password'")
    yield make_conninfo(postgres.dsn, user="guest", password="guest-password")
    admin.execute("DROP ROLE guest")


def exists(connection, name):
    return connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (name,)).fetchone() is not None


def killed_runs_schema(postgres):
    """The name of a schema whose owner was killed."""
    command = [sys.executable, "-c", OWNER, postgres.dsn]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        name = process.stdout.readline().strip()
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    return name


def backends_gone(admin, name):
    """Wait for the server to notice that the owner of `name` is dead."""
    key = schemas._lock_key(admin, name)
    admin.execute("SELECT pg_advisory_lock(%s), pg_advisory_unlock(%s)", (key, key))


def end_keeper(admin, name):
    """End the connection that holds the lock of the schema `name`."""
    held = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = %s::regnamespace::oid"
    assert admin.execute(f"SELECT pg_terminate_backend(pid) FROM ({held}) AS keeper", (name,)).fetchall() == [
        (True,)
    ]


def test_a_fresh_schema_is_the_search_path(database):
    with database.connect() as connection:
        connection.execute("CREATE TABLE thing (id int)")
        row = connection.execute("SELECT current_schema(), to_regclass('thing')::text").fetchone()
    assert row == (database.schema, "thing")


def test_the_record_names_version_and_changed_settings(database):
    with database.connect() as connection:
        record = postgres_record(connection, database.source)
    assert (record.version, record.source) == (database.version, database.source)
    assert record.settings["max_wal_size"] == "4GB"
    assert not {"search_path", "port", "block_size"} & record.settings.keys()


def test_a_setting_that_may_hold_a_secret_is_recorded_as_set_only(database):
    with database.connect() as connection:
        connection.execute("ALTER SYSTEM SET archive_command = 'cp %p s3://key:secret@host/'")
        connection.execute("ALTER SYSTEM SET archive_cleanup_command = 'rm --password=secret'")
        connection.execute("SELECT pg_reload_conf()")
        try:
            connection.execute("SELECT pg_sleep(0.2)")
            recorded = postgres_record(connection, "yours").settings
        finally:
            connection.execute("ALTER SYSTEM RESET ALL")
            connection.execute("SELECT pg_reload_conf()")
    assert "secret" not in str(recorded)
    assert recorded["archive_cleanup_command"] == "(set, not recorded)"


def test_another_schema_is_reached_by_its_own_conninfo(database):
    with connect(database.conninfo_for("pg_catalog")) as connection:
        assert connection.execute("SELECT current_schema()").fetchone() == ("pg_catalog",)


def test_the_password_is_not_in_the_repr(database):
    assert "postgresql://" not in repr(database)
    assert "password" not in repr(database)


def test_the_schema_is_gone_afterwards_with_all_in_it(postgres, admin):
    with schema_on(postgres.dsn) as database, database.connect() as connection:
        connection.execute("CREATE TABLE thing AS SELECT 1")
        assert exists(admin, database.schema)
    assert not exists(admin, database.schema)


def test_the_schema_is_gone_also_when_the_run_failed(postgres, admin):
    with pytest.raises(RuntimeError, match="broke"), schema_on(postgres.dsn, "tailguard_failing"):
        raise RuntimeError("broke")
    assert not exists(admin, "tailguard_failing")


def test_the_schema_is_gone_also_when_our_connections_were_ended(postgres, admin):
    with schema_on(postgres.dsn) as database:
        end_keeper(admin, database.schema)
    assert not exists(admin, database.schema)


def test_a_server_that_dies_meanwhile_does_not_hide_what_was_measured(monkeypatch, said, postgres):
    with ExitStack() as stack:
        database = stack.enter_context(schema_on(postgres.dsn))
        with connect(postgres.dsn) as admin:
            monkeypatch.setattr("tailguard.postgres.database.connect_to_catalogue", dead)
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            )
    assert f"schema {database.schema} stays behind" in said.text
    with connect(postgres.dsn) as admin:
        assert schemas.drop(admin, database.schema)


def dead(_conninfo):
    return connect("host=127.0.0.1 port=9")


def test_two_runs_share_a_database_without_meeting(postgres):
    with schema_on(postgres.dsn) as one, schema_on(postgres.dsn) as other:
        assert one.schema != other.schema


class TestWhatIsNotOurs:
    """Never dropped, never written to."""

    @pytest.mark.parametrize(
        "name", ["public", "tailguard", "tailguard_", "Tailguard_x", 'tailguard_x"y', "tailguard_ü"]
    )
    def test_a_name_that_is_not_ours_is_refused(self, postgres, name):
        with pytest.raises(DatabaseError, match="is not ours to use"), schema_on(postgres.dsn, name):
            pass

    def test_a_schema_that_somebody_else_made_is_refused_and_kept(self, postgres, admin):
        admin.execute("CREATE SCHEMA tailguard_theirs")
        try:
            with (
                pytest.raises(DatabaseError, match="was not made by tailguard"),
                schema_on(postgres.dsn, "tailguard_theirs"),
            ):
                pass
            assert not schemas.drop(admin, "tailguard_theirs")
            assert exists(admin, "tailguard_theirs")
            assert schemas.leftovers(admin, 0) == []
        finally:
            admin.execute("DROP SCHEMA tailguard_theirs")

    def test_a_schema_of_a_living_run_is_refused_and_kept(self, postgres, admin):
        with schema_on(postgres.dsn, "tailguard_living") as database:
            with (
                pytest.raises(DatabaseError, match="is in use by another run"),
                schema_on(postgres.dsn, database.schema),
            ):
                pass
            assert schemas.leftovers(admin, older_than_s=0) == []
            assert exists(admin, "tailguard_living")

    def test_a_marker_that_somebody_edited_is_never_old_enough(self, admin):
        admin.execute("CREATE SCHEMA tailguard_edited")
        admin.execute(f"COMMENT ON SCHEMA tailguard_edited IS '{schemas.MARKER}keep me'")
        try:
            assert schemas.leftovers(admin, older_than_s=0) == []
            assert not schemas.drop(admin, "tailguard_edited")
        finally:
            admin.execute("DROP SCHEMA tailguard_edited")


class TestLeftovers:
    """Schemas of killed runs."""

    def test_a_later_run_says_what_to_drop_and_drops_nothing_unasked(
        self, postgres, admin, monkeypatch, said
    ):
        name = killed_runs_schema(postgres)
        backends_gone(admin, name)
        monkeypatch.setattr(schemas.leftovers, "__defaults__", (0.0,))
        with schema_on(postgres.dsn):
            assert f"DROP SCHEMA {name} CASCADE" in said.text
            assert exists(admin, name)
        assert schemas.drop(admin, name)

    def test_a_run_that_lost_its_connection_but_lives_is_no_leftover(self, postgres, admin):
        with connect(postgres.dsn) as keeper:
            schemas.create(keeper, "tailguard_lost")
        backends_gone(admin, "tailguard_lost")
        assert schemas.leftovers(admin, older_than_s=0) == []
        assert schemas.drop(admin, "tailguard_lost")

    @pytest.mark.system
    def test_a_killed_runs_schema_is_listed_and_dropped_once_it_is_old(self, postgres, admin):
        name = killed_runs_schema(postgres)
        backends_gone(admin, name)
        assert name not in [item.name for item in schemas.leftovers(admin)]
        assert name in [item.name for item in schemas.leftovers(admin, older_than_s=0)]
        assert schemas.drop(admin, name)
        assert not exists(admin, name)

    def test_a_killed_runs_schema_gives_way_to_a_run_that_asks_for_its_name(self, postgres, admin):
        name = killed_runs_schema(postgres)
        backends_gone(admin, name)
        admin.execute(f"CREATE TABLE {name}.old AS SELECT 1")
        with schema_on(postgres.dsn, name) as database, database.connect() as connection:
            assert connection.execute("SELECT to_regclass('old')").fetchone() == (None,)

    def test_a_table_in_use_does_not_hold_the_drop_for_ever(self, postgres, admin, monkeypatch, said):
        monkeypatch.setattr(schemas, "_LOCK_TIMEOUT_MS", 100)
        schemas.create(admin, "tailguard_busy")
        admin.execute("CREATE TABLE tailguard_busy.t AS SELECT 1")
        with psycopg.connect(postgres.dsn) as reader:
            reader.execute("SELECT * FROM tailguard_busy.t")
            assert not schemas.drop(admin, "tailguard_busy")
        assert "DROP SCHEMA tailguard_busy CASCADE" in said.text
        assert schemas.drop(admin, "tailguard_busy")


class TestRefusals:
    """A clear word before anything is made."""

    def test_a_user_who_may_not_create_is_told_the_grant(self, guest):
        with (
            pytest.raises(DatabaseError, match='GRANT CREATE ON DATABASE "postgres" TO "guest"'),
            schema_on(guest),
        ):
            pass

    def test_a_user_with_the_grant_and_no_more_is_served(self, guest, admin):
        admin.execute("GRANT CREATE ON DATABASE postgres TO guest")
        with schema_on(guest) as database, database.connect() as connection:
            connection.execute("CREATE TABLE thing AS SELECT 1")
            assert postgres_record(connection, database.source).source == "yours"
        admin.execute("REVOKE CREATE ON DATABASE postgres FROM guest")
        assert not exists(admin, database.schema)

    def test_a_read_only_server_is_refused(self, postgres):
        read_only = make_conninfo(postgres.dsn, options="-c default_transaction_read_only=on")
        with pytest.raises(DatabaseError, match="is read-only"), schema_on(read_only):
            pass

    def test_an_old_server_is_refused(self):
        info = SimpleNamespace(server_version=140_012, host="h", port=1, dbname="d")
        with pytest.raises(DatabaseError, match="PostgreSQL at h:1/d is version 14: 15 or newer"):
            check(SimpleNamespace(info=info))

    def test_an_unreachable_server_is_refused(self):
        with pytest.raises(DatabaseError, match=r"127\.0\.0\.1:9"), open_database("host=127.0.0.1 port=9"):
            pass


def test_a_named_server_is_yours_and_no_other_is_started(postgres):
    with open_database(environ={"DATABASE_URL": postgres.dsn}) as database:
        assert isinstance(database, Database)
        assert database.source == "yours"
        with database.connect() as connection:
            assert address(connection) == f"127.0.0.1:{postgres.port}/postgres"


@pytest.mark.system
def test_without_a_named_server_one_is_started():
    with open_database(environ={}) as database:
        assert (database.source, (database.bin_dir / "pgbench").exists()) == ("embedded", True)
        with database.connect() as connection:
            pid = int(connection.execute("SELECT pg_backend_pid()").fetchone()[0])
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)

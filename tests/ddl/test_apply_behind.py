"""`migrate up FILE.sql` behind those that hold a table longest: a real pg_dump, an autovacuum to prevent wraparound."""

import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg
import pytest

from tailguard.postgres.database import Database, schema_on
from tailguard.postgres.server import embedded_postgres
from tests.support.applied import BUSY, TABLES, AppliedWorld, planned
from tests.support.migration_world import InBackground
from tests.support.waiting import eventually


@contextmanager
def dumping(database: Database) -> Iterator[None]:
    """A real pg_dump of the schema, held up in the middle: nobody reads what it writes."""
    assert database.bin_dir is not None
    command = [str(database.bin_dir / "pg_dump"), "--dbname", database.conninfo, "--schema", database.schema]
    holds = """
    SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE application_name = 'pg_dump' AND relation = to_regclass('orders') AND granted
    """
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        with database.connect() as connection:
            eventually(lambda: process.poll() is not None or connection.execute(holds).fetchone())
        assert process.poll() is None, process.stderr.read()  # type: ignore[union-attr]
        yield
    finally:
        process.kill()
        process.communicate()


@contextmanager
def preventing_wraparound() -> Iterator[Database]:
    """A server whose autovacuum freezes the table, slowly, because the transactions' numbers run out."""
    settings = {
        "autovacuum_freeze_max_age": "100000",
        "autovacuum_naptime": "1s",
        "autovacuum_vacuum_cost_delay": "100ms",
        "autovacuum_vacuum_cost_limit": "1",
        "fsync": "off",
        "shared_buffers": "32MB",
    }
    burning = """
    DO $$ BEGIN FOR n IN 1..101000 LOOP BEGIN INSERT INTO burned VALUES (n); EXCEPTION WHEN OTHERS THEN NULL; END;
    END LOOP; END $$
    """
    vacuum = (
        "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'autovacuum: VACUUM%orders (to prevent wraparound)'"
    )
    with embedded_postgres(settings=settings) as server, schema_on(server.dsn, server=server) as own:
        own_tables(own)
        with own.connect() as connection:
            connection.execute("CREATE TABLE burned (n int)")
            connection.execute(burning)
            eventually(lambda: connection.execute(vacuum).fetchone())
        yield own


def own_tables(database: Database) -> None:
    with database.connect() as connection:
        connection.execute(TABLES)


def is_stalled(database: Database) -> bool:
    """Whether somebody who only reads has to wait."""
    with database.connect() as connection:
        connection.execute("SET lock_timeout = '2s'")
        try:
            connection.execute("SELECT count(*) FROM orders")
        except psycopg.errors.LockNotAvailable:
            return True
    return False


ALTER = "ALTER TABLE orders ADD COLUMN behind int"
ALTER_WAITS = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = to_regclass('orders')"


def assert_only_the_plain_alter_stalls_readers(own: AppliedWorld, held: AbstractContextManager[None]) -> None:
    """Behind whoever holds the table: a plain ALTER TABLE stalls all others, `up` nobody, and it ends when it can."""
    with held:
        assert not is_stalled(own.database)
        with own.database.connect() as connection, own.database.connect() as other:
            plain = InBackground(lambda: connection.execute(ALTER))
            eventually(lambda: other.execute(ALTER_WAITS).fetchone())
            assert is_stalled(own.database)
            connection.cancel_safe()
            with pytest.raises(psycopg.errors.QueryCanceled):
                plain.result()
        safe = InBackground(own.up)
        eventually(lambda: own.ask(BUSY))
        assert not is_stalled(own.database)
    assert "done" in safe.result()[0]


@pytest.mark.proof
def test_behind_a_real_pg_dump_nobody_waits_for_up(database, tmp_path):
    own_tables(database)
    own = planned(database, tmp_path, ALTER)
    filler = "UPDATE orders SET note = repeat('a long text ', 20)"  # more than a pipe holds
    own.ask(filler)
    assert_only_the_plain_alter_stalls_readers(own, dumping(own.database))


@pytest.mark.proof
def test_behind_an_autovacuum_to_prevent_wraparound_nobody_waits_for_up(tmp_path):
    with preventing_wraparound() as database:
        own = planned(database, tmp_path, ALTER)
        assert_only_the_plain_alter_stalls_readers(own, ended_after(database))


@contextmanager
def ended_after(database: Database) -> Iterator[None]:
    """Let the autovacuum go on for the block, and then go faster."""
    yield
    with database.connect() as connection:
        connection.execute("ALTER SYSTEM SET autovacuum_vacuum_cost_delay = 0")
        connection.execute("SELECT pg_reload_conf()")

"""What the migration tests share: a small ledger table, migrations on it, and sessions that hold builds up."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from tailguard.migrations.limits import Limits
from tailguard.migrations.migration import Migration
from tailguard.migrations.runner import Runner
from tailguard.migrations.text.query import Query
from tailguard.migrations.text.sql import created_index
from tailguard.postgres.database import Database
from tests.support.waiting import eventually

INDEX = "idx_ledger_newest"
UP = f"CREATE INDEX CONCURRENTLY {INDEX} ON ledger (wallet_id, created DESC)"
DOWN = f"DROP INDEX CONCURRENTLY {INDEX}"
# Soon enough for a test, long enough for a noisy machine.
PATIENCE_S = 20.0


def make_ledger(database: Database, rows: int = 500) -> None:
    """Create a small table to index, with duplicate wallets."""
    with database.connect() as connection:
        connection.execute(
            "CREATE TABLE ledger (id bigint PRIMARY KEY, wallet_id int, created timestamptz, note text)"
        )
        connection.execute("CREATE TABLE elsewhere (id int)")
        connection.execute(
            "INSERT INTO ledger SELECT n, n %% 50, timestamptz '2025-01-01' + n * interval '1 minute', 'note ' || n"
            " FROM generate_series(1, %s) n",
            [rows],
        )
        connection.execute("ANALYZE ledger")


def migration(up: str = UP, down: str = DOWN) -> Migration:
    """Return a migration with this way up."""
    build = created_index(up)
    assert build is not None
    query = Query(
        "SELECT id FROM ledger WHERE wallet_id = %(wallet_id)s ORDER BY created DESC LIMIT 5",
        {"wallet_id": 7},
    )
    return Migration("0009", "ledger_newest", up, down, query, build)


def runner(database: Database, **limits: Any) -> Runner:
    """Return a runner whose limits suit a test; a transaction counts as old after a minute unless told."""
    return Runner(
        database,
        Limits(**{"deadline_s": PATIENCE_S, "wait_s": PATIENCE_S, "old_transaction_s": 60.0} | limits),
    )


def state(database: Database, index: str = INDEX) -> tuple[bool, bool] | None:
    """Return (valid, ready) of an index of this schema as the catalogue has it, or None."""
    with database.connect() as connection:
        return connection.execute(
            "SELECT indisvalid, indisready FROM pg_index JOIN pg_class c ON c.oid = indexrelid"
            " WHERE relname = %s AND relnamespace = current_schema()::regnamespace",
            [index],
        ).fetchone()


@contextmanager
def open_transaction(database: Database, statement: str) -> Iterator[psycopg.Connection[Any]]:
    """Hold a transaction open that has executed `statement`."""
    with database.connect(autocommit=False) as connection:
        connection.execute(statement)
        yield connection
        connection.rollback()


OPEN_WRITER = "UPDATE ledger SET note = 'changed' WHERE id = 1"
OLD_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM elsewhere"


def builder_pid(database: Database, phase: str = "waiting") -> int:
    """Wait until a build is in a phase beginning with `phase`; return the pid of its session."""
    with database.connect() as connection:
        query = "SELECT pid FROM pg_stat_progress_create_index WHERE starts_with(phase, %s)"
        return eventually(lambda: (connection.execute(query, [phase]).fetchone() or [None])[0])


class InBackground(threading.Thread):
    """A call on a thread of its own; `result()` returns its value or raises its error."""

    def __init__(self, call: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._call, self._value, self._error = call, None, None
        self.start()

    def run(self) -> None:
        try:
            self._value = self._call()
        except Exception as error:  # noqa: BLE001  # raised again in result()
            self._error = error

    def result(self) -> Any:
        self.join(PATIENCE_S * 2)
        assert not self.is_alive(), "the call did not return"
        if self._error is not None:
            raise self._error
        return self._value


def leave_invalid(database: Database, up: str = UP) -> None:
    """Leave an INVALID index behind, as a cancelled build does."""
    with open_transaction(database, OPEN_WRITER), database.connect() as connection:
        connection.execute("SET statement_timeout = '200ms'")
        try:
            connection.execute(up)
        except psycopg.errors.QueryCanceled:
            return
    raise AssertionError("the build was not cancelled")

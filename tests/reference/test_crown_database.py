"""Connections: bounded, none leaked, errors with their SQLSTATE, and a killed backend costs one request."""

import datetime as dt
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from reference.database import Database, with_search_path
from reference.errors import Unavailable


@pytest.fixture
def small(module_database):
    lent = Database(module_database.conninfo, size=2)
    yield lent
    lent.close()


def test_values_of_every_used_type_go_and_come_back(small):
    values = (7, "Δ 🏆 '; --", None, uuid.uuid4(), True, dt.datetime(2026, 1, 2, 3, 4, 5, 6, dt.UTC))
    with small.connection() as connection:
        query = "SELECT $1::int, $2::text, $3::text, $4::uuid, $5::boolean, $6::timestamptz"
        assert connection.row(query, *values) == values


def test_an_error_keeps_its_sqlstate_and_the_connection(small):
    with small.connection() as connection:
        with pytest.raises(psycopg.errors.DivisionByZero) as failure:
            connection.run("SELECT 1 / $1::int", 0)
        assert failure.value.sqlstate == "22012"
        assert connection.run("SELECT 1 / $1::int", 1) == [(1,)]


def test_a_statement_that_does_not_parse_is_an_error_each_time(small):
    with small.connection() as connection:
        for _ in range(2):
            with pytest.raises(psycopg.errors.SyntaxError):
                connection.run("SELEKT")


def test_a_failed_transaction_is_rolled_back_and_its_connection_lent_again(small):
    with small.connection() as connection:
        connection.run("CREATE TABLE IF NOT EXISTS rolled (n int)")
    with pytest.raises(KeyError), small.transaction() as connection:  # noqa: PT012 - one transaction
        connection.run("INSERT INTO rolled VALUES (1)")
        raise KeyError
    with small.connection() as connection:
        assert connection.row("SELECT count(*) FROM rolled") == (0,)
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_many_threads_share_few_connections(small, module_database):
    def work(_: int) -> int:
        with small.connection() as connection:
            return connection.row("SELECT pg_backend_pid()")[0]

    with ThreadPoolExecutor(16) as threads:
        assert len(set(threads.map(work, range(200)))) <= 2


def test_a_killed_backend_is_an_operational_error_once_and_replaced(small, module_database):
    with small.connection() as connection:
        pid = connection.row("SELECT pg_backend_pid()")[0]
        with module_database.connect() as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        for _ in range(2):  # the second time there is no connection left to send on
            with pytest.raises(psycopg.OperationalError):
                connection.run("SELECT 1")
    with small.connection() as connection:
        assert connection.row("SELECT pg_backend_pid()")[0] != pid


def test_a_server_that_ended_all_connections_costs_one_request_not_one_each(small, module_database):
    with small.connection() as one, small.connection() as two:
        pids = [each.row("SELECT pg_backend_pid()")[0] for each in (one, two)]
    with module_database.connect() as other:
        for pid in pids:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    with pytest.raises(psycopg.OperationalError), small.connection() as connection:
        connection.run("SELECT 1")
    for _ in range(2):
        with small.connection() as connection:
            assert connection.row("SELECT 1") == (1,)


def test_a_backend_killed_inside_a_transaction_does_not_hide_behind_the_rollback(small, module_database):
    with pytest.raises(psycopg.OperationalError), small.transaction() as connection:  # noqa: PT012 - one transaction
        pid = connection.row("SELECT pg_backend_pid()")[0]
        with module_database.connect() as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        connection.run("SELECT 1")


def test_when_none_is_free_in_time_it_is_unavailable(module_database, monkeypatch):
    monkeypatch.setattr("reference.pool.WAIT_S", 0.1)
    crowded = Database(module_database.conninfo, size=1)
    try:
        with (
            crowded.connection(),
            pytest.raises(Unavailable, match="no database connection was free"),
            crowded.connection(),
        ):
            pass
    finally:
        crowded.close()


def test_other_threads_run_while_a_statement_waits(small):
    with small.connection() as connection, ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(connection.run, "SELECT pg_sleep(0.5)")
        turns = 0
        while not waiting.done():
            turns += 1  # this thread would stand still if the statement held the interpreter lock
            time.sleep(0.001)
    assert turns > 5


def test_the_schema_joins_the_options_a_caller_has(postgres):
    conninfo = with_search_path(postgres.dsn + "?options=-c%20work_mem%3D1MB", 'od"d sch\\ema')
    with psycopg.connect(conninfo) as connection:
        shown = [
            connection.execute(f"SHOW {name}").fetchone()[0]
            for name in ("work_mem", "search_path", "statement_timeout")
        ]
    assert shown == ["1MB", '"od""d sch\\ema"', "10s"]


def test_who_waits_gets_the_connection_that_comes_back(small):
    with ThreadPoolExecutor(12) as threads:

        def work(number: int) -> int:
            with small.connection() as connection:
                return connection.row("SELECT $1::int FROM pg_sleep(0.01)", number)[0]

        assert list(threads.map(work, range(60))) == list(range(60))


def test_a_connection_that_comes_back_inside_a_transaction_is_not_lent_again(small):
    with small.connection() as connection:
        pid = connection.row("SELECT pg_backend_pid()")[0]
        connection.run("BEGIN")
    with small.connection() as connection:
        assert connection.row("SELECT pg_backend_pid()")[0] != pid


def test_a_server_that_cannot_be_reached_is_an_operational_error_each_time():
    nowhere = Database("postgresql://nobody@127.0.0.1:1/none", size=1)
    for _ in range(2):
        with pytest.raises(psycopg.OperationalError), nowhere.connection():
            pass


def test_after_closing_nothing_is_lent_and_nothing_stays_open(module_database):
    lent = Database(module_database.conninfo, size=2)
    with lent.connection() as borrowed:
        lent.close()
        assert borrowed.run("SELECT 1") == [(1,)]
    assert borrowed.closed
    lent.close()
    with pytest.raises(Unavailable, match="closed"), lent.connection():
        pass

"""Four ways to a database connection give the same answers; what a pooler cannot keep is not asked of it."""

import os
import pwd
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from perf.experiments.servers import PGBOUNCER, pgbouncer
from reference.connection import Connection
from reference.database import STATEMENT_TIMEOUT_MS, Database
from reference.faults import Faults
from reference.lenders import KINDS
from reference.transfers import Transfers
from tailguard.base.errors import UsageError
from tailguard.postgres.database import Database as Schema

BACKEND = "SELECT pg_backend_pid()"


@pytest.fixture(scope="module")
def pooled(module_database: Schema) -> Iterator[str]:
    """The module's schema through a PgBouncer with one connection to the server."""
    try:
        with pgbouncer(module_database.conninfo, 1) as conninfo:
            yield conninfo
    except UsageError as error:
        pytest.skip(str(error))


@pytest.fixture(params=KINDS)
def database(request, module_database: Schema, pooled: str) -> Iterator[Database]:
    kind = request.param
    conninfo = pooled if kind == "pgbouncer" else module_database.conninfo
    with closing(Database(conninfo, size=2, connections=kind)) as database:
        yield database


def test_a_transfer_is_the_same_whatever_the_way(database, seeded, fresh) -> None:
    transfers, key = Transfers(database, Faults()), f"lent-{next(fresh)}"
    a, b = seeded.wallets[:2]
    first = transfers.transfer(a, b, 1, key)
    again = transfers.transfer(a, b, 1, key)
    assert (first.replayed, again.replayed, again.debit_id) == (False, True, first.debit_id)


def test_each_connection_has_the_platforms_settings_and_no_open_transaction(database, seeded) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero), database.transaction() as connection:
        connection.run("SELECT 1 / $1::int", 0)
    with database.connection() as connection:
        [[timeout]] = connection.run("SHOW statement_timeout")
        assert timeout == f"{STATEMENT_TIMEOUT_MS // 1000}s"
        assert connection.row("SELECT count(*) FROM accounts_user") is not None


@pytest.mark.parametrize("database", ["per_request"], indirect=True)
def test_a_connection_per_request_is_a_new_process_of_the_server_each_time(database) -> None:
    seen = set()
    for _ in range(5):
        with database.connection() as connection:
            seen.add(connection.row(BACKEND))
    assert len(seen) == 5


@pytest.mark.parametrize("database", ["pgbouncer"], indirect=True)
def test_many_clients_of_the_pooler_are_one_of_the_servers(database) -> None:
    def backend(_: int) -> object:
        with database.connection() as connection:
            return connection.row(BACKEND)

    with ThreadPoolExecutor(20) as clients:
        assert len(set(clients.map(backend, range(100)))) == 1


def test_a_statement_that_is_prepared_is_somebody_elses_next_time(pooled: str) -> None:
    """Why the platform prepares nothing there: both clients call their first statement by the same name."""
    one, two = (Connection.connect(pooled, autocommit=True) for _ in range(2))
    with closing(one), closing(two):
        assert one.run("SELECT 1 + $1::int", 1) == [(2,)]
        with pytest.raises(psycopg.errors.DuplicatePreparedStatement):
            two.run("SELECT 1")


def test_settings_that_a_client_states_at_its_start_are_refused(pooled: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="unsupported startup parameter: options"):
        psycopg.connect(pooled, options="-c statement_timeout=1000")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another user")
def test_roots_pooler_runs_as_nobody_and_is_gone_with_its_run(module_database: Schema) -> None:
    with pgbouncer(module_database.conninfo, 1) as conninfo:
        folder = Path(str(psycopg.conninfo.conninfo_to_dict(conninfo)["host"]))
        assert folder.stat().st_uid == pwd.getpwnam("nobody").pw_uid
        assert (folder / "users.txt").stat().st_mode & 0o077 == 0
        psycopg.connect(conninfo).close()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(conninfo)


def test_without_a_pooler_the_package_is_named(module_database: Schema, monkeypatch) -> None:
    monkeypatch.setattr("perf.experiments.servers.shutil.which", lambda *_, **__: None)
    with (
        pytest.raises(UsageError, match=f"apt-get install {PGBOUNCER[0]}"),
        pgbouncer(module_database.conninfo, 1),
    ):
        pass

"""Behind PgBouncer in transaction mode a session's locks and settings are not ours: refused, with the way round."""

import shutil
import subprocess
import time
from pathlib import Path

import psycopg
import pytest

from tailguard.base.ports import LOOPBACK, free_port
from tailguard.base.unprivileged_user import find_unprivileged_user
from tailguard.cli.main import run_cli
from tailguard.postgres.database import open_database
from tailguard.postgres.location import DatabaseError, connect
from tests.support.migration_world import make_ledger, migration, runner, state

pytestmark = pytest.mark.system

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
needs_pgbouncer = pytest.mark.skipif(
    PGBOUNCER is None, reason="pgbouncer is not installed (apt-get install pgbouncer)"
)
SETTINGS = """
[databases]
postgres = host={host} port={server_port} user={user} password={password}
[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
{ignored}
"""


@pytest.fixture(params=["", "ignore_startup_parameters = options"], ids=["as installed", "options ignored"])
def pooled(request, postgres, tmp_path):
    """The session's server through PgBouncer; our search path comes as a start-up parameter, refused or ignored."""
    server, port = psycopg.conninfo.conninfo_to_dict(postgres.dsn), free_port()
    file, account = tmp_path / "pgbouncer.ini", find_unprivileged_user()
    words = {"user": server["user"], "password": server["password"], "ignored": request.param}
    file.write_text(
        SETTINGS.format(host=LOOPBACK, server_port=postgres.port, port=port, **words), encoding="utf-8"
    )
    options = account.popen_options() if account else {}
    with (
        (tmp_path / "pgbouncer.log").open("wb") as log,
        file.open("rb") as settings,  # a folder of pytest's is closed to the account
        subprocess.Popen(
            [PGBOUNCER, "/dev/stdin"], stdin=settings, stdout=log, stderr=log, **options
        ) as process,
    ):
        try:
            dsn = f"postgresql://anybody@{LOOPBACK}:{port}/postgres"
            wait_until_open(dsn, tmp_path / "pgbouncer.log")
            yield dsn
        finally:
            process.terminate()


def wait_until_open(dsn: str, log: Path) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            psycopg.connect(dsn).close()
        except psycopg.OperationalError:
            assert time.monotonic() < end, log.read_text(encoding="utf-8")
            time.sleep(0.05)
        else:
            return


@needs_pgbouncer
def test_no_schema_is_made_through_a_pooler(pooled, postgres):
    with (
        pytest.raises(DatabaseError, match=r"the server itself, not of its pooler \(often port 5432"),
        open_database(pooled, schema="tailguard_pooled"),
    ):
        pass
    with connect(postgres.dsn) as connection:
        assert connection.execute("SELECT to_regnamespace('tailguard_pooled')").fetchone() == (None,)


@needs_pgbouncer
def test_no_index_is_built_through_a_pooler(pooled, database):
    class Pooled:
        """Our schema's tables, reached through the pooler."""

        def connect(self, **options):
            return connect(pooled, **options)

    make_ledger(database)
    there = migration(f"CREATE INDEX CONCURRENTLY idx_ledger_newest ON {database.schema}.ledger (wallet_id)")
    with pytest.raises(DatabaseError, match="pooler"):
        runner(Pooled()).apply(there)
    assert state(database) is None


@needs_pgbouncer
def test_the_command_says_what_to_give_instead(pooled, capsys):
    assert run_cli(["migrate", "up", "--dsn", pooled, "--schema", "public"]) == 64
    told = capsys.readouterr().err
    assert "often port 5432 instead of 6432" in told
    assert "Traceback" not in told


def test_a_server_reached_directly_is_no_pooler(postgres):
    with open_database(postgres.dsn) as own, own.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)

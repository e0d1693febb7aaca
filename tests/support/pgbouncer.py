"""PgBouncer in transaction mode in front of a server, as a user that may do nothing."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tailguard.base.ports import LOOPBACK, free_port
from tailguard.base.unprivileged_user import find_unprivileged_user
from tailguard.postgres.server import Server

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
needs_pgbouncer = pytest.mark.skipif(
    PGBOUNCER is None, reason="pgbouncer is not installed (apt-get install pgbouncer)"
)
_SETTINGS = """
[databases]
postgres = host={host} port={server_port} user={user} password={password}
[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
{more}
"""


@contextmanager
def pooler(server: Server, folder: Path, more: str = "") -> Iterator[str]:
    """Yield the DSN of the server's database `postgres` through the pooler; `more` are lines of its settings."""
    assert PGBOUNCER is not None  # else the test is skipped
    words, port = psycopg.conninfo.conninfo_to_dict(server.dsn), free_port()
    file, account = folder / "pgbouncer.ini", find_unprivileged_user()
    text = _SETTINGS.format(
        host=LOOPBACK,
        server_port=server.port,
        port=port,
        user=words["user"],
        password=words["password"],
        more=more,
    )
    file.write_text(text, encoding="utf-8")
    with (
        (folder / "pgbouncer.log").open("wb") as log,
        file.open("rb") as settings,  # a folder of pytest's is closed to the account
        subprocess.Popen(
            [PGBOUNCER, "/dev/stdin"],
            stdin=settings,
            stdout=log,
            stderr=log,
            **(account.popen_options() if account else {}),
        ) as process,
    ):
        try:
            dsn = f"postgresql://anybody@{LOOPBACK}:{port}/postgres"
            _wait_until_open(dsn, folder / "pgbouncer.log")
            yield dsn
        finally:
            process.terminate()


def _wait_until_open(dsn: str, log: Path) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            psycopg.connect(dsn).close()
        except psycopg.OperationalError:
            assert time.monotonic() < end, log.read_text(encoding="utf-8")
            time.sleep(0.05)
        else:
            return

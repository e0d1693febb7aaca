"""A server that is stopped keeps its sockets open and says nothing: no wait for it lasts for ever."""

import os
import signal
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from tailguard.migrations import session
from tailguard.migrations.errors import MigrationStoppedError
from tailguard.postgres.database import schema_on
from tailguard.postgres.location import connect
from tailguard.postgres.server import embedded_postgres
from tests.support.migration_world import (
    OPEN_WRITER,
    InBackground,
    builder_pid,
    make_ledger,
    migration,
    open_transaction,
    runner,
)

pytestmark = pytest.mark.system


def stop(server):
    everybody = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    for process in everybody:
        process.suspend()
    return everybody


def test_a_question_to_a_stopped_server_ends_with_words_and_the_server_ends_all_the_same():
    with embedded_postgres(settings={"shared_buffers": "16MB"}) as server:
        connection = connect(server.dsn, answer_within_s=0.5)
        assert connection.execute("SELECT 1").fetchone() == (1,)
        mapped = [each.path for each in psutil.Process(server.pid).memory_maps()]
        everybody = stop(server)
        with pytest.raises(psycopg.OperationalError, match=r"not answered within 0\.5 s: is it stopped"):
            connection.execute("SELECT 1")
        assert connection.closed
        began_s = time.monotonic()
    assert time.monotonic() - began_s < 20
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in everybody)
    # Those of other servers of this machine are not ours to judge.
    assert not [path for path in mapped if path.startswith("/dev/shm/PostgreSQL")]


def test_a_pause_that_ends_in_time_costs_nothing():
    with (
        embedded_postgres(settings={"shared_buffers": "16MB"}) as server,
        connect(server.dsn, answer_within_s=30) as connection,
    ):
        (pid,) = connection.execute("SELECT pg_backend_pid()").fetchone()
        os.kill(pid, signal.SIGSTOP)
        psutil.Process(pid).resume()
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.proof
def test_a_build_on_a_stopped_server_ends_with_words(monkeypatch):
    monkeypatch.setattr(session, "GRACE_S", 1.0)
    with (
        embedded_postgres(settings={"shared_buffers": "16MB"}) as server,
        schema_on(server.dsn, server=server) as own,
    ):
        make_ledger(own)
        with open_transaction(own, OPEN_WRITER):
            build = InBackground(lambda: runner(own, deadline_s=1.0, wait_s=1.0).apply(migration()))
            builder_pid(own)
            everybody = stop(server)
            try:
                with pytest.raises(MigrationStoppedError, match=r"not answered within 2 s: is it stopped"):
                    build.result()
            finally:
                for process in everybody:
                    process.resume()


def segments():
    lines = Path("/proc/sysvipc/shm").read_text(encoding="utf-8").splitlines()[1:]
    return {line.split()[1] for line in lines}


@pytest.mark.skipif(
    not Path("/proc/sysvipc/shm").exists(), reason="this system does not list its shared memory"
)
def test_a_server_that_was_killed_outright_leaves_no_segment_of_memory():
    with embedded_postgres(settings={"shared_buffers": "16MB"}) as server:
        file = server.log_path.parent / "data" / "postmaster.pid"
        segment = file.read_text(encoding="utf-8").splitlines()[6].split()[1]
        assert segment in segments()
        everybody = stop(server)
        psutil.Process(server.pid).kill()
    assert segment not in segments()
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in everybody)

"""A server that is stopped keeps its sockets open and says nothing: no wait of ours for it is for ever."""

import os
import signal
import time

import psutil
import psycopg
import pytest

from tailguard.postgres.location import connect
from tailguard.postgres.server import embedded_postgres

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

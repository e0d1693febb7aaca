"""The launcher: a real PostgreSQL in a second, private, on loopback, gone with its owner."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest

from tailguard.base.errors import TailguardError, UsageError
from tailguard.base.ports import LOOPBACK, free_port
from tailguard.base.unprivileged_user import find_unprivileged_user
from tailguard.postgres import cluster
from tailguard.postgres import server as module
from tailguard.postgres.binaries import find_binaries
from tailguard.postgres.server import embedded_postgres, workbench_dir
from tests.support.waiting import eventually, listens

pytestmark = pytest.mark.system

SYSTEM_15 = Path("/usr/lib/postgresql/15/bin/postgres").exists()
SMALL = {"shared_buffers": "16MB", "max_connections": 20}
OWNER = """
import time
from tailguard.postgres.server import embedded_postgres
with embedded_postgres(settings={"shared_buffers": "16MB"}, data_dir=%r) as server:
    print(server.pid, server.port, server.log_path.parent, flush=True)
    time.sleep(600)
"""


def owner(data_dir=None, **environ):
    command = [sys.executable, "-c", OWNER % data_dir]
    env = os.environ | environ
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=env)


def started(process):
    pid, port, folder = process.stdout.readline().split()
    return int(pid), int(port), Path(folder)


def ask(dsn, query):
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(query).fetchone()[0]


def gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def named_on_a_command_line(text):
    return [
        item.pid for item in psutil.process_iter(["cmdline"]) if text in " ".join(item.info["cmdline"] or [])
    ]


@pytest.fixture(scope="module")
def open_folder(tmp_path_factory):
    """A folder that the server's account can reach (pytest's own are private to root)."""
    if find_unprivileged_user() is None:
        yield tmp_path_factory.mktemp("open")
        return
    folder = Path(tempfile.mkdtemp(prefix="tailguard-open-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def kept_dir(open_folder):
    """The folder of a kept server."""
    return open_folder / "kept"


@pytest.fixture(scope="module")
def tuned():
    """A server on one core, of programs found before, with a setting of the test's."""
    found = find_binaries(account=find_unprivileged_user())
    cores = [max(os.sched_getaffinity(0))] if hasattr(os, "sched_getaffinity") else None
    with embedded_postgres(found, SMALL | {"cluster_name": "it's ours"}, cores) as server:
        yield server


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGINT])
def test_no_process_port_or_folder_survives_the_owner(signal_number):
    with owner() as process:
        pid, port, folder = started(process)
        workers = psutil.Process(pid).children(recursive=True)
        assert workers
        assert listens(port)
        process.send_signal(signal_number)
        process.wait(60)
    assert eventually(lambda: gone(pid) and not listens(port) and not folder.exists())
    assert eventually(lambda: all(gone(worker.pid) for worker in workers))


def test_an_owner_killed_before_the_server_is_up_leaves_nothing_either(open_folder):
    with owner(TMPDIR=str(open_folder)) as process:
        assert eventually(lambda: list(open_folder.glob("tailguard-postgres-*/d/data/base")))
        process.kill()
        process.wait(60)
    assert eventually(lambda: not list(open_folder.glob("tailguard-*")))
    assert eventually(lambda: not named_on_a_command_line(f"{open_folder}/tailguard-"))


def test_a_closed_server_leaves_nothing():
    with embedded_postgres("/usr/lib/postgresql/15" if SYSTEM_15 else None, SMALL) as server:
        folder = server.log_path.parent
        assert ask(server.dsn, "SHOW server_version").startswith(server.version)
        if SYSTEM_15:
            assert (server.source, server.version[:3]) == ("system", "15.")
    assert not psutil.pid_exists(server.pid)
    assert not listens(server.port)
    assert not folder.exists()


def test_two_servers_stand_side_by_side(postgres, tuned):
    assert postgres.port != tuned.port
    assert ask(postgres.dsn, "SELECT 1") == ask(tuned.dsn, "SELECT 1") == 1
    assert ask(tuned.dsn, "SHOW cluster_name") == "it's ours"


def test_a_port_that_another_takes_first_is_replaced(monkeypatch, kept_dir):
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        ports = iter([taken.getsockname()[1], free_port()])
        monkeypatch.setattr(module, "free_port", lambda: next(ports))
        with embedded_postgres(settings=SMALL, data_dir=kept_dir) as server:
            assert server.port != taken.getsockname()[1]
            assert ask(server.dsn, "SELECT 1") == 1


def test_the_server_is_durable_and_its_statistics_are_loaded(postgres):
    for name in ("fsync", "synchronous_commit", "full_page_writes", "track_io_timing"):
        assert ask(postgres.dsn, f"SHOW {name}") == "on"
    assert ask(postgres.dsn, "SHOW jit") == "off"
    assert ask(postgres.dsn, "SHOW timezone") == "UTC"
    assert ask(postgres.dsn, "SHOW server_encoding") == "UTF8"
    assert ask(postgres.dsn, "SHOW shared_preload_libraries") == "pg_stat_statements,auto_explain"
    assert ask(postgres.dsn, "SHOW server_version").startswith(postgres.version)


def test_a_wrong_password_is_refused_and_the_right_one_not_shown(postgres):
    password = urlsplit(postgres.dsn).password
    assert len(password) >= 24
    assert password not in repr(postgres)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.dsn.replace(password, "wrong"))


def test_it_listens_on_loopback_only(postgres):
    listening = {
        item.laddr.ip for item in psutil.Process(postgres.pid).net_connections() if item.status == "LISTEN"
    }
    assert listening == {LOOPBACK}


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this platform binds no process to cores")
def test_the_server_and_its_backends_are_bound_to_the_cores(tuned):
    core = max(os.sched_getaffinity(0))
    with psycopg.connect(tuned.dsn) as connection:
        assert os.sched_getaffinity(tuned.pid) == {core}
        assert os.sched_getaffinity(connection.info.backend_pid) == {core}


def test_a_setting_that_postgres_refuses_is_shown_in_its_words(kept_dir):
    refused = pytest.raises(TailguardError, match="no_such_setting")
    with refused, embedded_postgres(settings={"no_such_setting": 1}, data_dir=kept_dir):
        pass


def test_a_kept_server_keeps_its_data_also_when_it_was_killed(kept_dir):
    with embedded_postgres(settings=SMALL, data_dir=kept_dir) as server:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        os.kill(server.pid, signal.SIGKILL)
    with embedded_postgres(settings=SMALL, data_dir=kept_dir) as server:
        assert ask(server.dsn, "SELECT answer FROM kept") == 42


def test_a_kept_server_outlives_no_owner_and_the_next_one_takes_over(kept_dir):
    with owner(str(kept_dir)) as process:
        pid, _, _ = started(process)
        process.kill()
        process.wait(60)
    with embedded_postgres(settings=SMALL, data_dir=kept_dir) as server:
        assert server.pid != pid
        assert ask(server.dsn, "SELECT 1") == 1
    assert gone(pid)


def test_a_kept_folder_in_use_names_the_process_that_uses_it(kept_dir):
    with owner(str(kept_dir)) as process:
        started(process)
        in_use = pytest.raises(UsageError, match=f"{kept_dir} is in use by process {process.pid}")
        with in_use, embedded_postgres(settings=SMALL, data_dir=kept_dir):
            pass
        process.terminate()
        process.wait(60)


def test_a_kept_folder_of_another_major_version_is_refused(kept_dir):
    with embedded_postgres(settings=SMALL, data_dir=kept_dir):
        pass
    version = kept_dir / "data" / "PG_VERSION"
    made_by = version.read_text(encoding="utf-8")
    version.write_text("12\n", encoding="utf-8")
    refused = pytest.raises(UsageError, match="was made by PostgreSQL 12, the programs are")
    with refused, embedded_postgres(settings=SMALL, data_dir=kept_dir):
        pass
    version.write_text(made_by, encoding="utf-8")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to an account that cannot reach our folders")
def test_a_kept_folder_that_the_servers_account_cannot_reach_is_refused(tmp_path):
    tmp_path.chmod(0o700)
    refused = pytest.raises(UsageError, match=f"cannot reach {tmp_path}/kept: choose a folder below")
    with refused, embedded_postgres(settings=SMALL, data_dir=tmp_path / "kept"):
        pass


def test_the_workbench_lies_where_the_servers_account_can_go():
    assert workbench_dir("workbench").name == "workbench"
    assert os.geteuid() != 0 or not workbench_dir("workbench").is_relative_to("/root")


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "immediate"])
def test_a_stopped_server_comes_back_on_its_port_with_what_was_committed(fast):
    with embedded_postgres(settings=SMALL) as server:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
            server.control.off(fast=fast)
            assert not listens(server.port)
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        server.control.on()
        assert ask(server.dsn, "SELECT count(*) FROM kept") == 1000
    assert not listens(server.port)


def test_a_server_whose_data_is_broken_says_why_it_does_not_come_back():
    with embedded_postgres(settings=SMALL) as server:
        server.control.off()
        (server.log_path.parent / "data" / "global" / "pg_control").unlink()
        with pytest.raises(TailguardError, match="did not start"):
            server.control.on()


def test_a_folder_without_room_is_told_before_a_server_is_made_there(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "NEEDED_BYTES", 1 << 60)
    before = set(Path(tempfile.gettempdir()).glob("tailguard-postgres-*"))
    refused = pytest.raises(UsageError, match=r"free, and a PostgreSQL server needs .* there: .*TMPDIR")
    with refused, embedded_postgres():
        pass
    assert set(Path(tempfile.gettempdir()).glob("tailguard-postgres-*")) <= before

"""`tailguard serve`, the installed command: what it says, what it refuses, and that nothing is left behind."""

import json
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
import urllib3

from tests.support.counted import COUNTED

pytestmark = pytest.mark.system

TAILGUARD = str(Path(sys.executable).with_name("tailguard"))
START_S, STOP_S = 120, 30  # far more than the 5 s and 1 s of an idle machine


def refused(*arguments, **environ):
    """(exit code, message) of a `serve` that does not start."""
    done = subprocess.run(
        [TAILGUARD, "serve", *arguments],
        capture_output=True,
        text=True,
        timeout=START_S,
        env={"PATH": "/usr/bin:/bin", "LANG": "C", **COUNTED, **environ},
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_a_port_in_use_is_a_usage_error_that_names_port_and_option():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, message = refused("--port", str(port))
    assert code == 64
    assert f"Port {port}" in message
    assert "--port" in message


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"TAILGUARD_FAULTS": "capcity"}, "capcity"),
        ({"THROTTLE_USER_RATE": "often"}, "THROTTLE_USER_RATE"),
        ({"DELTACROWN_SECRET": "hunter2"}, "DELTACROWN_SECRET"),
        ({"CERT_S3_DUAL_WRITE": "perhaps"}, "CERT_S3_DUAL_WRITE"),
        ({"CERT_S3_DUAL_WRITE": "1"}, "CERT_LOCAL_ROOT"),
    ],
)
def test_a_wrong_variable_is_a_usage_error_that_names_it(environ, named):
    code, message = refused("--port", "0", **environ)
    assert code == 64
    assert named in message
    assert "hunter2" not in message


def test_an_address_that_is_not_ours_is_a_usage_error():
    code, message = refused("--host", "203.0.113.1", "--port", "0")
    assert code == 64
    assert "203.0.113.1" in message


def test_an_unreachable_database_is_a_usage_error_without_the_password():
    code, message = refused("--port", "0", "--dsn", "postgresql://me:hunter2@127.0.0.1:1/none")
    assert code == 64
    assert "127.0.0.1:1" in message
    assert "hunter2" not in message


@contextmanager
def serving(*arguments, **environ):
    """A running `tailguard serve` and what it printed until it was ready."""
    with subprocess.Popen(
        [TAILGUARD, "serve", "--port", "0", *arguments],
        env=COUNTED | {"PATH": "/usr/bin:/bin", "LANG": "C", "PYTHONUNBUFFERED": "1"} | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    ) as process:
        printed = []
        for line in process.stdout:
            printed.append(line)
            if "Ctrl-C" in line:
                break
        try:
            yield process, "".join(printed)
        finally:
            process.kill()


def family(pid):
    """A process and its descendants; psutil knows each by its start time too, so a reused pid is none of them."""
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def name_of(process):
    """Its name, or nothing where it has just ended, as an autovacuum worker does."""
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


def test_it_serves_says_how_to_get_in_and_leaves_nothing_after_ctrl_c():
    with serving(TAILGUARD_FAULTS="capacity") as (process, printed):
        assert process.poll() is None, printed
        assert "FAULTS ARE SWITCHED ON: capacity" in printed
        url = re.search(r"http://127\.0\.0\.1:\d+", printed)[0]
        body = re.search(r"-d '(\{.*\})'", printed)[1]
        assert user_registered_by(url, body) == 2
        processes = family(process.pid)
        assert any("postgres" in name_of(member) for member in processes)
        process.send_signal(signal.SIGINT)
        process.wait(STOP_S)
        _, alive = psutil.wait_procs(processes, timeout=STOP_S)
        assert process.returncode == 0, process.stdout.read()
    assert not alive
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=1)


def user_registered_by(url, body):
    """Log in as the lines say, register, and return the id of the user who is registered then."""
    headers = {"Content-Type": "application/json"}
    with urllib3.PoolManager(headers=headers) as pool:
        answer = pool.request("POST", f"{url}/api/token/", body=body)
        headers["Authorization"] = f"Bearer {json.loads(answer.data)['access']}"
        path, entry = "/api/tournaments/registrations/solo/", json.dumps({"tournament_id": 1})
        answer = pool.request("POST", url + path, body=entry, headers=headers)
    assert answer.status == 201
    return json.loads(answer.data)["user"]


def test_sigterm_drops_the_schema_in_your_own_database(postgres, s3_server):
    keys = {"AWS_ACCESS_KEY_ID": s3_server.access_key, "AWS_SECRET_ACCESS_KEY": s3_server.secret_key}
    with serving("--dsn", postgres.dsn, "--s3-endpoint", s3_server.endpoint, **keys) as (process, before):
        process.send_signal(signal.SIGTERM)
        printed = before + process.communicate(timeout=STOP_S)[0]
    assert process.returncode == 0, printed
    schema = re.search(r"schema (tailguard_\w+)", printed)[1]
    with psycopg.connect(postgres.dsn) as connection:
        found = connection.execute("SELECT FROM pg_namespace WHERE nspname = %s", (schema,)).fetchone()
    assert found is None
    assert s3_server.secret_key not in printed

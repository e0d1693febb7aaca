"""A Redis and a PgBouncer of a run's own: on a socket without a port, in a folder that is gone at the end.

Each is started by a process of its own, which ends when its standard input does: a server never outlives its run.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from psycopg.conninfo import make_conninfo

import tailguard as tg
from reference.database import STATEMENT_TIMEOUT_MS
from tailguard.kit import PipedProcess
from tailguard.postgres import connect

REDIS = ("valkey-server", "redis-server")
PGBOUNCER = ("pgbouncer",)
_PATHS = os.pathsep.join([os.defpath, "/usr/sbin", "/usr/local/sbin"])  # a user's PATH may lack the last two
_PATIENCE_S = 30.0
_PORT = 6432  # names PgBouncer's socket; nothing listens on it
_CLIENTS = 1000
_SHOWN = 2000  # characters of a server's log, if it did not start


class Order(msgspec.Struct, frozen=True):
    """What to start. In `words` and `files` {folder} stands for the server's folder, where `socket` will be.

    `files` may hold passwords. With `unprivileged` root's server runs as nobody.
    """

    words: list[str]
    socket: str
    files: Mapping[str, str] = {}
    unprivileged: bool = False


@contextmanager
def redis_socket() -> Iterator[str]:
    """Start a Redis; yield the path of its socket. Raises UsageError if this machine has none."""
    words = [_found(REDIS, "redis-server"), "--port", "0", "--unixsocket", "{folder}/s", "--save", ""]
    with _started(Order([*words, "--dir", "{folder}"], "s")) as folder:
        yield f"{folder}/s"


@contextmanager
def pgbouncer(conninfo: str, size: int) -> Iterator[str]:
    """Start a PgBouncer in transaction mode before a database; yield where it is reached.

    It has `size` connections to the server, each with the platform's settings: what a client would say at its start is
    refused, as no connection is its own. Raises UsageError if this machine has none.
    """
    program = _found(PGBOUNCER, "pgbouncer")
    with connect(conninfo) as connection:
        [[path]] = connection.execute("SHOW search_path").fetchall()
        info = connection.info
        user, password = info.user, info.password
        server = {"host": info.host, "port": str(info.port), "dbname": info.dbname}
        kept = _kept(connection) if password else ""
    begins = f"SET search_path = {path}; SET statement_timeout = {STATEMENT_TIMEOUT_MS}"
    words = {**server, "user": user, "password": password, "connect_query": begins}
    database = " ".join(f"{key}='{_doubled(value)}'" for key, value in words.items())
    files = {
        "pgbouncer.ini": _INI.format(
            database=database, size=size, port=_PORT, clients=_CLIENTS,
            auth="scram-sha-256" if password else "trust",
        ),
        "users.txt": f'"{user}" "{kept or password}"\n',
    }  # fmt: skip
    order = Order([program, "{folder}/pgbouncer.ini"], f".s.PGSQL.{_PORT}", files, unprivileged=True)
    with _started(order) as folder:
        yield make_conninfo(host=folder, port=_PORT, dbname="platform", user=user, password=password or None)


# As many wait for the socket as may connect: else a storm is refused before anybody looks at it. It keeps all of its
# connections to the server: one that it opened in a storm may be refused as any other.
_INI = """
[databases]
platform = {database}
[pgbouncer]
unix_socket_dir = {{folder}}
listen_port = {port}
listen_backlog = {clients}
auth_type = {auth}
auth_file = {{folder}}/users.txt
pool_mode = transaction
max_client_conn = {clients}
default_pool_size = {size}
min_pool_size = {size}
log_connections = 0
log_disconnections = 0
"""


def _kept(connection: psycopg.Connection[Any]) -> str:
    """The password as the server keeps it, "" if we may not see that.

    From the password itself PgBouncer would make it anew at each log-in, which takes 4 ms.
    """
    may = "SELECT pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'SELECT')"
    asked = "SELECT rolpassword FROM pg_catalog.pg_authid WHERE rolname = current_user"
    found = connection.execute(may).fetchone() == (True,) and connection.execute(asked).fetchone()
    return str(found[0] or "") if found else ""


def _doubled(value: str) -> str:
    return value.replace("'", "''")


def _found(programs: tuple[str, ...], package: str) -> str:
    paths = [shutil.which(name) or shutil.which(name, path=_PATHS) for name in programs]
    found = next(filter(None, paths), None)
    if found is None:
        raise tg.UsageError(
            f"There is no {' or '.join(programs)} here: install one (apt-get install {package})."
        )
    return found


@contextmanager
def _started(order: Order) -> Iterator[str]:
    with PipedProcess(__name__) as process:
        process.send(msgspec.json.encode(order))
        folder = process.read().strip()
        if not folder:
            raise tg.UsageError(f"{Path(order.words[0]).name} ended before it was ready.")
        yield folder.decode()


def main() -> None:
    """Run the server until standard input ends."""
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    with tempfile.TemporaryDirectory(prefix="tailguard-server-") as folder:
        nobody = pwd.getpwnam("nobody") if order.unprivileged and os.geteuid() == 0 else None
        for name, text in order.files.items():
            path = Path(folder) / name
            path.touch(mode=0o600)
            path.write_text(text.replace("{folder}", folder), encoding="utf-8")
        if nobody:
            for path in (Path(folder), *Path(folder).iterdir()):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
        words = [word.replace("{folder}", folder) for word in order.words]
        log = Path(folder) / "log"
        with (
            log.open("wb") as output,
            subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=nobody and nobody.pw_uid,
                group=nobody and nobody.pw_gid,
                extra_groups=[] if nobody else None,
            ) as server,
        ):
            ends_s = time.monotonic() + _PATIENCE_S
            socket = Path(folder) / order.socket
            while not socket.exists() and server.poll() is None and time.monotonic() < ends_s:
                time.sleep(0.005)
            if socket.exists():
                sys.stdout.write(f"{folder}\n")
                sys.stdout.flush()
                sys.stdin.buffer.read()
            else:
                sys.stderr.write(log.read_text(encoding="utf-8", errors="replace")[-_SHOWN:])
            server.kill()


if __name__ == "__main__":
    main()

"""A user's dump, restored into a server of our own. A restore executes what the dump says: trust where it is from."""

import os
import subprocess
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from tailguard.base.errors import UsageError
from tailguard.base.ports import LOOPBACK
from tailguard.postgres.cluster import USER
from tailguard.postgres.server import Server

# pg_dump's own formats: custom begins with this word, a directory holds its table of contents; else it is SQL text.
CUSTOM = b"PGDMP"
CONTENTS = "toc.dat"
# What pg_restore says last if single objects were refused and the rest is there; psql then ends with 0.
IGNORED = "errors ignored on restore"
TAR_NAME = b"toc.dat"


def restore(dump: Path, server: Server) -> list[str]:
    """Restore a dump of any of pg_dump's formats; returns what the server refused, such as roles that it lacks.

    Raises UsageError if there is no such file, or nothing of it could be read.
    """
    if not dump.exists():
        raise UsageError(f"The dump {dump} does not exist.")
    command = _command(dump, server)
    environment = {**os.environ, "PGPASSWORD": _password(server), "LC_ALL": "C"}
    done = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    refused = [line for line in done.stderr.splitlines() if "error:" in line.lower()]
    if done.returncode and IGNORED not in done.stderr:
        raise UsageError(f"{dump} could not be restored: {done.stderr.strip()[:300] or done.returncode}.")
    return refused


def _command(dump: Path, server: Server) -> list[str]:
    where = ["-h", LOOPBACK, "-p", str(server.port), "-U", USER, "-d", "postgres"]
    if _is_archive(dump):
        return [str(server.bin_dir / "pg_restore"), "--no-owner", "--no-privileges", *where, str(dump)]
    return [str(server.bin_dir / "psql"), "-X", "-q", "-o", os.devnull, *where, "-f", str(dump)]


def _is_archive(dump: Path) -> bool:
    if dump.is_dir():
        return (dump / CONTENTS).exists()
    with dump.open("rb") as file:
        head = file.read(len(TAR_NAME))
    return head.startswith(CUSTOM) or head == TAR_NAME


def _password(server: Server) -> str:
    return str(conninfo_to_dict(server.dsn)["password"])

"""A user's dump, restored into a server of our own. A restore executes what the dump says: trust where it is from."""

import gzip
import os
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
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
GZIP = b"\x1f\x8b"
# What else dumps are packed with: its first bytes, and what unpacks it.
PACKED = {
    b"\x28\xb5\x2f\xfd": "zstd -d",
    b"\xfd7zXZ": "xz -d",
    b"BZh": "bzip2 -d",
    b"\x04\x22\x4d\x18": "lz4 -d",
    b"PK\x03\x04": "unzip",
}


def restore(dump: Path, server: Server, database: str = "postgres") -> list[str]:
    """Restore a dump of any of pg_dump's formats, packed with gzip or not, into a database of the server; returns what
    that refused, such as roles that it lacks.

    Raises UsageError if there is no such file, or nothing of it could be read.
    """
    if not dump.exists():
        raise UsageError(f"The dump {dump} does not exist.")
    with _unpacked(dump) as plain:
        return _restored(plain, dump, server, database)


def _restored(plain: Path, dump: Path, server: Server, database: str) -> list[str]:
    command = _command(plain, server, database)
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


def _command(dump: Path, server: Server, database: str) -> list[str]:
    where = ["-h", LOOPBACK, "-p", str(server.port), "-U", USER, "-d", database]
    if _is_archive(dump):
        return [str(server.bin_dir / "pg_restore"), "--no-owner", "--no-privileges", *where, str(dump)]
    return [str(server.bin_dir / "psql"), "-X", "-q", "-o", os.devnull, *where, "-f", str(dump)]


@contextmanager
def _unpacked(dump: Path) -> Iterator[Path]:
    """Give the dump itself, or a copy without its packing for as long as the `with` lasts."""
    head = _head(dump)
    for packing, program in PACKED.items():
        if head.startswith(packing):
            raise UsageError(
                f"{dump} is packed: unpack it first with `{program}`. Only gzip is unpacked here."
            )
    if not head.startswith(GZIP):
        yield dump
        return
    with tempfile.TemporaryDirectory(prefix="tailguard-dump-") as folder:
        plain = Path(folder) / "dump"
        try:
            with gzip.open(dump) as packed, plain.open("wb") as file:
                shutil.copyfileobj(packed, file)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise UsageError(f"{dump} cannot be unpacked: {error}. Is it cut off?") from error
        yield plain


def _is_archive(dump: Path) -> bool:
    if dump.is_dir():
        return (dump / CONTENTS).exists()
    head = _head(dump)
    return head.startswith(CUSTOM) or head == TAR_NAME


def _head(dump: Path) -> bytes:
    if dump.is_dir():
        return b""
    with dump.open("rb") as file:
        return file.read(len(TAR_NAME))


def _password(server: Server) -> str:
    return str(conninfo_to_dict(server.dsn)["password"])

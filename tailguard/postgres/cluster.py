"""Tailguard's own data directory: made by initdb, configured, and locked where it is kept."""

import fcntl
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tailguard.base.errors import TailguardError, UsageError
from tailguard.base.ports import LOOPBACK
from tailguard.base.processes import Watchdog
from tailguard.base.secrets import keep_secret
from tailguard.base.text_format import byte_size
from tailguard.base.unprivileged_user import UnprivilegedUser
from tailguard.postgres.binaries import Binaries

USER = "tailguard"
Setting = str | int | bool
_INITDB_TIMEOUT_S = 120.0  # 0.8 s here; a first start from a slow disk takes a while
_MIB = 1 << 20
# An empty server has 55 MB with its log, and a small seed takes 50 more; less ends in a PANIC half way.
NEEDED_BYTES = 256 * _MIB


@dataclass(frozen=True, slots=True)
class Cluster:
    """The folder of a server: its data, its log and its password."""

    root: Path
    account: UnprivilegedUser | None

    @property
    def data(self) -> Path:
        """Return PostgreSQL's data directory."""
        return self.root / "data"

    @property
    def log_path(self) -> Path:
        """Return the file with the server's output."""
        return self.root / "server.log"

    @property
    def password(self) -> str:
        """Return the superuser's password, made when the cluster was."""
        password = (self.root / "password").read_text(encoding="utf-8").strip()
        keep_secret(password)
        return password

    def prepare(self, binaries: Binaries, settings: Mapping[str, Setting], watchdog: Watchdog) -> None:
        """Make the data directory if there is none, and write its configuration."""
        if not (self.data / "PG_VERSION").exists():
            self._initialise(binaries, watchdog)
        made_by = (self.data / "PG_VERSION").read_text(encoding="utf-8").strip()
        if int(made_by) != binaries.major:
            raise UsageError(
                f"{self.root} was made by PostgreSQL {made_by}, the programs are {binaries.version}: "
                f"use PostgreSQL {made_by}, or remove that folder to start over"
            )
        merged = default_settings(binaries) | dict(settings)
        lines = [f"{name} = {_quoted(value)}" for name, value in merged.items()]
        self._write(self.data / "postgresql.conf", "\n".join(lines) + "\n")

    def _initialise(self, binaries: Binaries, watchdog: Watchdog) -> None:
        free = shutil.disk_usage(self.root).free
        if free < NEEDED_BYTES:
            raise UsageError(
                f"{self.root} has {byte_size(free)} free, and a PostgreSQL server needs {byte_size(NEEDED_BYTES)}"
                " there: free space, or choose another folder (TMPDIR names the one of temporary servers)"
            )
        self._write(self.root / "password", secrets.token_urlsafe(24) + "\n")
        names = ["--pgdata", str(self.data), "--username", USER, "--pwfile", str(self.root / "password")]
        options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
        if self.account is not None:
            self.data.mkdir(mode=0o700)
            os.chown(self.data, self.account.uid, self.account.gid)
        initdb = watchdog.start(
            [str(binaries.bin_dir / "initdb"), *names, *options], log_path=self.log_path, cwd=self.root
        )
        try:
            status = initdb.wait(_INITDB_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise TailguardError(f"initdb took longer than {_INITDB_TIMEOUT_S:g} s in {self.root}") from None
        watchdog.release()
        if status:
            raise TailguardError(f"initdb in {self.root} failed with status {status}:\n{initdb.log_tail()}")

    def _write(self, path: Path, text: str) -> None:
        """Write a file that only the server's account reads."""
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid)


def default_settings(binaries: Binaries) -> dict[str, Setting]:
    """Return the settings of an embedded server, durable as a production server is.

    fsync, synchronous_commit and full_page_writes stay on: a latency measured without them is not one a user sees.
    """
    modules = [name for name in ("pg_stat_statements", "auto_explain") if binaries.has_module(name)]
    settings: dict[str, Setting] = {
        "listen_addresses": LOOPBACK,
        "unix_socket_directories": "",  # nothing outside our folder
        "dynamic_shared_memory_type": "mmap",  # likewise: files of the folder, where /dev/shm would keep them
        "max_connections": 200,
        # The usual quarter of the memory is for a machine of its own; here the generator lives beside it.
        "shared_buffers": f"{min(1024, max(128, _memory_bytes() // 8 // _MIB))}MB",
        # No checkpoint for lack of WAL space within a run: its stall would look like the platform's.
        "max_wal_size": "4GB",
        "jit": False,  # only some builds have it: off, so that runs compare
        "track_io_timing": True,
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] ",
        "lc_messages": "C",
        "shared_preload_libraries": ",".join(modules),
    }
    if "pg_stat_statements" in modules:
        settings |= {"pg_stat_statements.max": 10_000, "pg_stat_statements.track": "all"}
    return settings


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the folder `root` for this process. Raises UsageError that names the process which holds it."""
    root.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (root / "tailguard.lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise UsageError(
                f"{root} is in use by process {holder}: wait for it, end it, or choose another folder"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _memory_bytes() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _quoted(value: Setting) -> str:
    """Quote a value for postgresql.conf."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return "'{}'".format(str(value).replace("'", "''"))

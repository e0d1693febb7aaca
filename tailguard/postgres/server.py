"""A real PostgreSQL of our own: started in a second, gone with us."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from tailguard.base.errors import UsageError
from tailguard.base.ports import LOOPBACK, free_port
from tailguard.base.processes import Child, Watchdog
from tailguard.base.unprivileged_user import UnprivilegedUser, find_unprivileged_user
from tailguard.postgres.binaries import Binaries, find_binaries
from tailguard.postgres.cluster import USER, Cluster, Setting, locked
from tailguard.postgres.server_control import ServerControl, start_until_ready
from tailguard.record.environment import PostgresSource

_KEPT_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. `dsn` is a URL with the password; `pid` is the first start's: `control` may start it anew."""

    dsn: str = field(repr=False)
    port: int
    pid: int
    version: str
    source: PostgresSource
    bin_dir: Path
    log_path: Path
    control: ServerControl = field(repr=False)


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
    account = find_unprivileged_user()
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
            root = watchdog.folder("postgres-")
        cluster = Cluster(root, account)
        cluster.prepare(found, settings or {}, watchdog)
        yield _start(cluster, found, watchdog, cpus)


def workbench_dir(name: str) -> Path:
    """Return the folder of a kept server `name`, at a place that its account can reach."""
    as_root = find_unprivileged_user() is not None
    cache = (
        platformdirs.site_cache_path("tailguard") if as_root else platformdirs.user_cache_path("tailguard")
    )
    return cache / name


def _start(cluster: Cluster, binaries: Binaries, watchdog: Watchdog, cpus: Sequence[int] | None) -> Server:
    """Start the server; each attempt takes another port."""
    port = 0

    def start() -> Child:
        nonlocal port
        port = free_port()
        command = [str(binaries.bin_dir / "postgres"), "-D", str(cluster.data), "-p", str(port)]
        return watchdog.start(command, log_path=cluster.log_path, cwd=cluster.root, cpus=cpus)

    child = start_until_ready(cluster, watchdog, start)
    return Server(
        dsn=f"postgresql://{USER}:{cluster.password}@{LOOPBACK}:{port}/postgres",
        port=port,
        pid=child.pid,
        version=binaries.version,
        source=binaries.source,
        bin_dir=binaries.bin_dir,
        log_path=cluster.log_path,
        control=ServerControl(cluster, watchdog),
    )


def _check_reach(root: Path, account: UnprivilegedUser | None) -> None:
    if account is not None and not account.can_reach(root):
        raise UsageError(
            f"we are root, so the server runs as {account.name}, who cannot reach {root}: "
            f"choose a folder below {platformdirs.site_cache_path('tailguard')}, or start as an ordinary user"
        )

"""Stops an embedded server, as an operator or a dying host does, and starts it again on the same port and data."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tailguard.base.errors import TailguardError
from tailguard.base.processes import Child, Watchdog
from tailguard.postgres.cluster import Cluster

_START_TIMEOUT_S = 60.0  # 0.2 s here; crash recovery of a large folder takes longer
_POLL_S = 0.01
_RETRY_S = 0.2
_RETRY_FOR_S = 30.0  # longer than the patience with a kept server that is writing its last checkpoint
# Failures that pass: another process took the port between our asking and the server's binding; the server of a
# killed owner, or its workers, need a moment to end.
_PASSING = ("could not bind IPv4 address", "lock file", "pre-existing shared memory block")
# PostgreSQL's own words for its signals: fast rolls back and writes a checkpoint, immediate only ends.
_FAST, _IMMEDIATE = ("INT", "QUIT", "KILL"), ("QUIT", "KILL")


@dataclass(frozen=True, slots=True)
class ServerControl:
    """A running server's switch. Its port, its data and its password stay the same."""

    cluster: Cluster
    watchdog: Watchdog

    def off(self, *, fast: bool = False) -> None:
        """Stop the server: `fast` is an operator's restart, else its processes just end, as at a power cut."""
        self.watchdog.stop(_FAST if fast else _IMMEDIATE)

    def on(self) -> None:
        """Start the stopped server again; returns once it is ready. Raises TailguardError if it does not start."""
        start_until_ready(self.cluster, self.watchdog, self.watchdog.start_again)


def start_until_ready(cluster: Cluster, watchdog: Watchdog, start: Callable[[], Child]) -> Child:
    """Start until a server is ready, once more if the failure passes by itself."""
    deadline = time.monotonic() + _RETRY_FOR_S
    while True:
        cluster.log_path.write_bytes(b"")
        child = start()
        if _ready(cluster, child):
            return child
        watchdog.release()
        said = child.log_tail()
        if not any(text in said for text in _PASSING) or time.monotonic() > deadline:
            raise TailguardError(f"PostgreSQL in {cluster.root} did not start:\n{said}")
        time.sleep(_RETRY_S)


def _ready(cluster: Cluster, child: Child) -> bool:
    """Wait until the server says in its own folder that it is ready; False if it ended instead.

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

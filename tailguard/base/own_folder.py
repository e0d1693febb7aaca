"""A marked temporary folder: only marked folders are ever removed, and those of killed owners are swept."""

import errno
import fcntl
import logging
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tailguard.base.errors import UsageError
from tailguard.base.unprivileged_user import UnprivilegedUser

if TYPE_CHECKING:
    import psutil

log = logging.getLogger(__name__)

PREFIX = "tailguard-"
MARKER = ".tailguard"
# What is stored lies one folder further down, so that it begins empty. Short: a socket's path has about 100 bytes.
INNER = "d"
# Names the sockets that a server of the folder makes elsewhere.
SOCKETS = "sockets"
_MARK = "tailguard {pid} {started} {token}\n"
_LONGEST_MARK = 200
_MEMORY_LINE = 6  # of postmaster.pid, from 0: key and id of its segment
_FREED_S, _POLL_S = 3.0, 0.05


@dataclass(frozen=True, slots=True)
class OwnFolder:
    """A folder that we made, and the lock on its marker, which says that we live."""

    root: Path
    mark: str
    identity: tuple[int, int]  # device and inode
    lock: IO[bytes]

    @property
    def inner(self) -> Path:
        """Return where things are stored."""
        return self.root / INNER

    def note_sockets(self, paths: Iterable[Path]) -> None:
        """Write down sockets that will be made elsewhere: the next start removes them if we are all killed."""
        with (self.root / SOCKETS).open("a", encoding="utf-8") as file:
            file.writelines(f"{path}\n" for path in paths)

    def remove(self) -> None:
        """Remove the folder, unless another one took its place."""
        with suppress(OSError):
            status = self.root.lstat()
            if (status.st_dev, status.st_ino) == self.identity and _mark_of(self.root) == self.mark:
                if _server_file(self.root).exists():  # it was killed outright
                    _end_server(self.root)
                _remove(self.root)
        self.lock.close()


def new_mark() -> str:
    """Return what the marker of a folder of this process says."""
    return _MARK.format(pid=os.getpid(), started=_started(os.getpid()), token=secrets.token_hex(16))


def make(root: Path, mark: str, account: UnprivilegedUser | None) -> OwnFolder:
    """Make the folder, private to `account`. Raises UsageError that names TMPDIR if it cannot be made."""
    check_umask()
    try:
        root.mkdir(mode=0o700)
        status = root.lstat()
        (marker := root / MARKER).write_text(mark, encoding="utf-8")
        lock = marker.open("rb")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (root / INNER).mkdir(mode=0o700)
        if account is not None:
            for path in (root, root / INNER):
                os.chown(path, account.uid, account.gid)
    except OSError as error:
        raise UsageError(
            f"Cannot make the temporary folder {root}: {error.strerror}."
            " Free space there, or let TMPDIR name another folder."
        ) from error
    except BaseException:  # Ctrl-C: without its marker nobody would know it as ours
        with suppress(OSError):
            root.rmdir()
        raise
    return OwnFolder(root, mark, (status.st_dev, status.st_ino), lock)


def check_umask() -> None:
    """Raise UsageError if we could not read the files that we are about to make."""
    os.umask(mask := os.umask(0o077))
    if mask & 0o700:
        raise UsageError(
            f"The umask {mask:03o} takes your own rights on every new file: run `umask 022`, then start again."
        )


def sweep(parent: Path) -> list[Path]:
    """End the servers and remove the folders that owners left in `parent` who were killed with their guards."""
    swept = list(_orphans(parent))
    for folder in swept:
        log.info("removing %s, which a killed run left", folder)
        _end_server(folder)
        _remove_noted_sockets(folder)
        _remove(folder)
    return swept


def remove_socket(path: Path) -> None:
    """Remove the path if it is one of our sockets, and nothing else of that name."""
    with suppress(FileNotFoundError):
        status = path.lstat()
        if stat.S_ISSOCK(status.st_mode) and status.st_uid == os.geteuid():
            path.unlink()


def _remove_noted_sockets(folder: Path) -> None:
    """Remove those at which nobody listens: another server may have been given the same port since."""
    with suppress(OSError, UnicodeDecodeError):
        for line in (folder / SOCKETS).read_text(encoding="utf-8").splitlines():
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(line) == errno.ECONNREFUSED:
                    remove_socket(Path(line))


def _remove(folder: Path) -> None:
    """Remove a marked folder, its marker last: if this ends half way, the next sweep still knows the folder."""
    shutil.rmtree(folder / INNER, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _server_file(folder: Path) -> Path:
    """Return where a PostgreSQL in the folder says what it holds; it removes that itself when it ends in order."""
    return folder / INNER / "data" / "postmaster.pid"


def _end_server(folder: Path) -> None:
    """Kill what works in a folder, and remove the segment of System V's memory that a killed PostgreSQL leaves."""
    import psutil  # noqa: PLC0415  # most processes that import us start nothing

    killed = list(_processes_in(folder))
    for process in killed:
        with suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)
    psutil.wait_procs(killed, _FREED_S)
    with suppress(
        OSError, ValueError, IndexError
    ):  # not everything here is a PostgreSQL, not every system has such
        key, segment = _server_file(folder).read_text(encoding="utf-8").splitlines()[_MEMORY_LINE].split()
        ends_s = time.monotonic() + _FREED_S
        while (users := _users_of_segment(key, segment)) and time.monotonic() < ends_s:
            time.sleep(_POLL_S)
        if users == 0:
            subprocess.run(["ipcrm", "-m", segment], check=False)  # noqa: S607  # wherever the system has it


def _users_of_segment(key: str, segment: str) -> int | None:
    """Return how many processes have a segment attached; None if there is no such segment."""
    for line in Path("/proc/sysvipc/shm").read_text(encoding="utf-8").splitlines():
        words = line.split()
        if words[:2] == [key, segment]:
            return int(words[6])
    return None


def _orphans(parent: Path) -> Iterator[Path]:
    """Yield the folders whose marker is ours and whose owner is gone: no process of its start, nobody's lock."""
    for marker in parent.glob(f"{PREFIX}*/{MARKER}"):
        with suppress(OSError, ValueError):
            word, pid, started, token = _mark_of(marker.parent).split()
            if word == "tailguard" and token and _started(int(pid)) != started and _unlocked(marker):
                yield marker.parent


def _mark_of(folder: Path) -> str:
    """Return what the marker says. Raises OSError or ValueError if Tailguard did not write it."""
    handle = os.open(folder / MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if folder.is_symlink() or not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            raise ValueError(f"{folder} is not ours")
        return file.read(_LONGEST_MARK).decode("ascii")


def _unlocked(marker: Path) -> bool:
    """Tell whether nobody holds the marker: an owner in another container is not among our processes."""
    with marker.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def _started(pid: int) -> str:
    """Return when a process started, "" if there is none: its id alone may have been given away again."""
    import psutil  # noqa: PLC0415  # as in `sweep`

    try:
        return f"{psutil.Process(pid).create_time():.2f}"
    except psutil.Error:
        return ""


def _processes_in(folder: Path) -> "Iterator[psutil.Process]":
    """Yield the processes whose working folder this is, as it is for all processes of an embedded server."""
    import psutil  # noqa: PLC0415  # as in `sweep`

    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if Path(process.cwd()).is_relative_to(folder.resolve()):
                yield process

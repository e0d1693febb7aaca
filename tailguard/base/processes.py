"""Child processes that cannot outlive us, and folders that go with them.

A shell holds the read end of a pipe whose only write end is ours. When we end, however we end (`kill -9` included),
the pipe closes; the shell ends the child and removes its folder. This needs no signal handler, no `atexit` and no
kernel feature: it works on Linux and macOS alike.
"""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

from tailguard.base.errors import TailguardError
from tailguard.base.unprivileged_user import UnprivilegedUser

# Words on the pipe: `folder PATH`, `file PATH` and `pid N` adopt, `done` lets go.
# End of file without `done`: our owner is dead.
# A zombie counts as gone: if process 1 does not reap, `kill -0` would see it for ever.
# `rm` is repeated, as workers of a dying server may still write.
_WATCH = r"""
trap '' HUP INT TERM
child= folder= signals=$1 patience=$2
shift 2
while read -r word value; do
  case $word in
    pid) child=$value ;;
    folder) folder=$value ;;
    file) set -- "$@" "$value" ;;
    done) exit 0 ;;
  esac
done
alive() {
  kill -0 "$child" 2>/dev/null || return 1
  [ -r "/proc/$child/stat" ] && read -r line <"/proc/$child/stat" || return 0
  case $line in *") Z "*) return 1 ;; esac
}
for signal in $signals; do
  [ -n "$child" ] && kill -s "$signal" "$child" || break
  tries=$patience
  while alive && [ "$tries" -gt 0 ]; do sleep 0.05; tries=$((tries - 1)); done
done
[ "$#" -eq 0 ] || rm -f -- "$@"
tries=20
[ -z "$folder" ] || until rm -rf -- "$folder" || [ "$tries" -le 0 ]; do sleep 0.1; tries=$((tries - 1)); done
"""
# The child tells the watchdog its id before it becomes the server, so there is no instant at which it is unguarded.
_ANNOUNCE = 'echo "pid $$" >&0 && exec "$@" </dev/null'
_POLL_S = 0.05  # as in the script: its patience is counted in these
_WATCHDOGS: "weakref.WeakSet[Watchdog]" = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class Child:
    """A running child, its output in `log_path`. Its `pid` is the command's own, not a shell's."""

    process: "subprocess.Popen[bytes]"
    log_path: Path

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Tell whether the child still runs."""
        return self.process.poll() is None

    def wait(self, timeout_s: float) -> int:
        """Return the exit status; raise subprocess.TimeoutExpired after `timeout_s`."""
        return self.process.wait(timeout_s)

    def log_tail(self, lines: int = 8) -> str:
        """Return the last lines of what the child wrote."""
        with suppress(OSError):
            return "\n".join(
                self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
            )
        return ""


class Watchdog:
    """Guards one child at a time and one folder; both are gone when it exits, or when we die.

    `signals` are the names of the signals that end the child, each given `patience_s` before the next, harder one.
    `account` is the user the child is dropped to and who owns the folder; None for ours.
    """

    def __init__(
        self,
        signals: Sequence[str] = ("TERM", "KILL"),
        account: UnprivilegedUser | None = None,
        patience_s: float = 5.0,
    ) -> None:
        self._signals = tuple(signals)
        self._patience_s = patience_s
        self._account = account
        self._owner = os.getpid()
        self._child: Child | None = None
        self._again: Callable[[], Child] | None = None
        self._folder: Path | None = None
        self._files: list[Path] = []

    def __enter__(self) -> Self:
        read_end, self._pipe = os.pipe()
        try:
            self._shell = subprocess.Popen(
                [
                    "/bin/sh",
                    "-c",
                    _WATCH,
                    "sh",
                    " ".join(self._signals),
                    str(round(self._patience_s / _POLL_S)),
                ],
                stdin=read_end,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
            )
        except BaseException:
            os.close(self._pipe)
            raise
        finally:
            os.close(read_end)
        _WATCHDOGS.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        if os.getpid() != self._owner:
            return  # a fork of our owner: the child is not ours to end
        try:
            self.stop()
            for file in self._files:
                file.unlink(missing_ok=True)
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
            if self._folder is None or not self._folder.exists():
                self._tell("done")
        finally:  # interrupted or failed above: the shell does the rest
            self._close_pipe()
            self._shell.wait()

    def folder(self, prefix: str) -> Path:
        """Return a new folder, private to the child's account, that is removed with us."""
        if self._folder is not None:
            raise ValueError(f"this watchdog already guards the folder {self._folder}")
        path = self._temporary_root() / f"{prefix}{secrets.token_hex(5)}"
        self._tell(f"folder {path}")  # before it exists: a kill between the two leaves nothing behind
        self._folder = path
        path.mkdir(mode=0o700)
        if self._account is not None:
            os.chown(path, self._account.uid, self._account.gid)
        return path

    def adopt_files(self, paths: Iterable[Path]) -> None:
        """Remove these files, too, that the child makes outside the folder."""
        for path in paths:
            self._tell(f"file {path}")
            self._files.append(path)

    def start(
        self,
        command: Sequence[str],
        *,
        log_path: Path,
        cwd: Path,
        cpus: Sequence[int] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Child:
        """Start `command` with its output in `log_path`, in a session of its own, bound to `cpus` if possible.

        Without `env` the child gets a small environment with the C locale and UTC.
        """
        if self._child is not None and self._child.running:
            raise ValueError(f"this watchdog already guards process {self._child.pid}")
        options: dict[str, Any] = self._account.popen_options() if self._account else {}
        with log_path.open("ab") as log, _bound_to(cpus):
            process: subprocess.Popen[bytes] = subprocess.Popen(
                ["/bin/sh", "-c", _ANNOUNCE, "sh", *command],
                stdin=self._pipe,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=_small_environment() if env is None else env,
                start_new_session=True,
                **options,
            )
        self._child = Child(process, log_path)
        self._again = partial(self.start, command, log_path=log_path, cwd=cwd, cpus=cpus, env=env)
        return self._child

    def start_again(self) -> Child:
        """Start the child that was started last once more, in the same way."""
        if self._again is None:
            raise ValueError("this watchdog has started nothing yet")
        return self._again()

    def stop(self, signals: Sequence[str] = ()) -> None:
        """End the child, if any, by the signals in turn: these, or the watchdog's own."""
        if self._child is None:
            return
        signals = signals or self._signals
        for signal_name in signals:
            if not self._child.running:
                break
            self._child.process.send_signal(signal.Signals[f"SIG{signal_name}"])
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(self._patience_s)
        if self._child.running:
            raise TailguardError(
                f"process {self._child.pid} did not end after {', '.join(signals)}: end it by hand"
            )
        self.release()

    def release(self) -> None:
        """Forget a child that has ended: its id may be given to another process."""
        self._child = None
        self._tell("pid")

    def _temporary_root(self) -> Path:
        root = Path(tempfile.gettempdir())
        return root if self._account is None or self._account.can_reach(root) else Path("/tmp")  # noqa: S108 - private folder inside

    def _tell(self, words: str) -> None:
        with suppress(BrokenPipeError):  # somebody killed the watchdog: we still clean up ourselves
            os.write(self._pipe, f"{words}\n".encode())

    def _close_pipe(self) -> None:
        _WATCHDOGS.discard(self)
        with suppress(OSError):
            os.close(self._pipe)


@contextmanager
def _bound_to(cpus: Sequence[int] | None) -> Iterator[None]:
    """Bind this thread to `cpus` while it starts a child, which inherits that; nothing if not possible."""
    if not cpus or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _small_environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _forget_in_fork() -> None:
    """A fork of us that outlives us must not hold the pipes open."""
    for watchdog in list(_WATCHDOGS):
        watchdog._close_pipe()  # noqa: SLF001 - the same noun


os.register_at_fork(after_in_child=_forget_in_fork)

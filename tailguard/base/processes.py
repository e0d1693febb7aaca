"""Child processes that cannot outlive us, and folders that go with them.

A shell (guard.sh) holds the read end of a pipe whose only write end is ours. When we end, however we end (`kill -9`
included), the pipe closes; the shell ends the child and removes its folder. This needs no signal handler, no `atexit`
and no kernel feature: it works on Linux and macOS alike. Should both shells and we be killed, the next start sweeps.
"""

import os
import secrets
import signal
import string
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
from tailguard.base.own_folder import PREFIX, OwnFolder, make, new_mark, remove_socket, sweep
from tailguard.base.unprivileged_user import UnprivilegedUser

_GUARD = (Path(__file__).parent / "guard.sh").read_text(encoding="utf-8")
# Two, each with a pipe of its own: if one is killed and then we, the other still does all.
_GUARDS = 2
_PLAIN = frozenset(string.ascii_letters + string.digits + "/_.-")
# The child tells the guards its id before it becomes the server, so there is no instant at which it is unguarded.
# Standard input and output are the two pipes at first.
_ANNOUNCE = 'echo "pid $$" >&0 && echo "pid $$" && exec "$@" </dev/null >&2'
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
        self._root: Path | None = None  # of the folder, from before it exists
        self._folder: OwnFolder | None = None
        self._sockets: list[Path] = []
        self._guards: list[_Guard] = []

    def __enter__(self) -> Self:
        try:
            for _ in range(_GUARDS):
                self._guards.append(_new_guard(self._signals, self._patience_s))
        except BaseException:
            self._close_pipes()
            raise
        _WATCHDOGS.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        if os.getpid() != self._owner:
            return  # a fork of our owner: the child is not ours to end
        try:
            self.stop()
            for socket in self._sockets:
                remove_socket(socket)
            if self._folder is not None:
                self._folder.remove()
            if self._root is None or not self._root.exists():
                self._tell("done")
        finally:  # interrupted or failed above: the shells do the rest
            self._close_pipes()
            for guard in self._guards:
                guard.shell.wait()

    def folder(self, name: str) -> Path:
        """Return a new empty folder, private to the child's account, that is removed with us."""
        if self._folder is not None:
            raise ValueError(f"this watchdog already guards the folder {self._root}")
        parent = self._temporary_root()
        sweep(parent)
        self._root = root = parent / f"{PREFIX}{name}{secrets.token_hex(5)}"
        mark = new_mark()
        # Before it exists: a kill between the two leaves nothing behind.
        self._tell(f"folder {_encoded(os.fsencode(root))} {_encoded(mark.encode())}")
        self._folder = make(root, mark, self._account)
        return self._folder.inner

    def adopt_sockets(self, paths: Iterable[Path]) -> None:
        """Remove these sockets, too, that the child makes outside the folder, which is there by now."""
        made = list(paths)
        assert self._folder is not None
        self._folder.note_sockets(made)
        for path in made:
            self._tell(f"socket {_encoded(os.fsencode(path))}")
            self._sockets.append(path)

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
                stdin=self._guards[0].pipe,
                stdout=self._guards[1].pipe,
                stderr=log,
                cwd=cwd,
                env=_small_environment() if env is None else env,
                start_new_session=True,
                **options,
            )
        self._child = Child(process, log_path)
        self._again = partial(self.start, command, log_path=log_path, cwd=cwd, cpus=cpus, env=env)
        return self._child

    def adopt(self, process: "subprocess.Popen[bytes]") -> None:
        """Guard a process that somebody of us has started with pipes of its own."""
        self._child = Child(process, Path(os.devnull))
        self._tell(f"pid {process.pid}")

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
            _send(self._child.process, signal.Signals[f"SIG{signal_name}"])
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
        for guard in self._guards:
            with suppress(BrokenPipeError):  # somebody killed it: there is another, and we clean up ourselves
                os.write(guard.pipe, f"{words}\n".encode())

    def _close_pipes(self) -> None:
        _WATCHDOGS.discard(self)
        for guard in self._guards:
            with suppress(OSError):
                os.close(guard.pipe)


@dataclass(frozen=True, slots=True)
class _Guard:
    """A shell that cleans up when its pipe is closed."""

    shell: "subprocess.Popen[bytes]"
    pipe: int


def _new_guard(signals: Sequence[str], patience_s: float) -> _Guard:
    read_end, pipe = os.pipe()
    try:
        arguments = [" ".join(signals), str(round(patience_s / _POLL_S))]
        shell = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "sh", *arguments],
            stdin=read_end,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
    except BaseException:
        os.close(pipe)
        raise
    finally:
        os.close(read_end)
    return _Guard(shell, pipe)


def _encoded(raw: bytes) -> str:
    """Write bytes as one word for the shell's `printf %b`: a path may hold blanks and line breaks."""
    return "".join(chr(byte) if chr(byte) in _PLAIN else f"\\0{byte:03o}" for byte in raw)


def _send(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    """Send a signal that is heard: stopped processes go on, and a kill takes the child's own children along."""
    import psutil  # noqa: PLC0415  # most processes that import us end nothing

    children: list[psutil.Process] = []
    with suppress(psutil.Error):
        children = psutil.Process(process.pid).children()
    process.send_signal(number)
    for child in children:
        with suppress(psutil.Error):
            child.send_signal(number if number == signal.SIGKILL else signal.SIGCONT)
    process.send_signal(signal.SIGCONT)


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
        watchdog._close_pipes()  # noqa: SLF001 - the same noun


os.register_at_fork(after_in_child=_forget_in_fork)

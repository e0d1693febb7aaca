"""Two processes that take turns: while one measures, the other waits.

Interleaving by slices of half a second lets a noisy neighbour of the machine hit both sides alike. The words on the
socket are lines: the child says `ready` when it wants a turn and `done` when it needs none; it is told `go`,
one slice, and at the end `finish`, for what must not disturb the other's measurement.
"""

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from tailguard.base.errors import TailguardError, UsageError

# Longer than any slice with its patience and drain; a child that says nothing for so long hangs.
TURN_TIMEOUT_S = 120.0
_POLL_S = 0.05


class TurnError(TailguardError):
    """The other side of the socket ended or hangs."""


class TurnClient:
    """The child's end."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(address)
        self._lines = self._socket.makefile("r", encoding="ascii")

    def take(self) -> None:
        """Wait until it is our turn. Raises TurnError if the parent is gone."""
        self._say("ready", "go")

    def end(self) -> None:
        """Say that all is measured, and wait until the other side's is, too."""
        self._say("done", "finish")

    def close(self) -> None:
        """Hang up."""
        self._lines.close()
        self._socket.close()

    def _say(self, word: str, answer: str) -> None:
        try:
            self._socket.sendall(f"{word}\n".encode())
            heard = self._lines.readline().strip()
        except OSError:
            heard = ""
        if heard != answer:
            raise TurnError(f"after {word!r} the parent said {heard!r}, not {answer!r}: it is gone")


class TurnServer:
    """The parent's end of one child. A context manager; `lives` says whether the child still runs.

    Raises UsageError if there can be no socket at `address`.
    """

    def __init__(self, address: Path, lives: Callable[[], bool]) -> None:
        self._lives = lives
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._listener.bind(str(address))
        except OSError as error:  # a path may have some 100 bytes
            self._listener.close()
            raise UsageError(
                f"The two sides cannot meet at {address} ({error}): set TMPDIR to a folder whose path is shorter"
            ) from None
        self._listener.listen(1)
        self._listener.settimeout(_POLL_S)
        self._connection: socket.socket | None = None
        self._heard = b""
        self.done = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        if self._connection is not None:
            self._connection.close()

    def await_ready(self, timeout_s: float) -> None:
        """Wait until the child is ready for its first turn. Raises TurnError if it ends or takes too long."""
        deadline_s = time.monotonic() + timeout_s
        while self._connection is None:
            try:
                self._connection, _ = self._listener.accept()
            except TimeoutError:
                self._check(deadline_s, "did not get ready", timeout_s)
        self._connection.settimeout(_POLL_S)
        self._hear(timeout_s)

    def grant(self) -> None:
        """Let the child have one turn and wait for its end. Does nothing once it is done."""
        if not self.done:
            self._tell("go")
            self._hear(TURN_TIMEOUT_S)

    def finish(self) -> None:
        """Let the child clean up and end."""
        self._tell("finish")

    def _tell(self, word: str) -> None:
        assert self._connection is not None
        try:
            self._connection.sendall(f"{word}\n".encode())
        except OSError as error:
            raise TurnError(f"it hung up: {error.strerror}") from error

    def _hear(self, timeout_s: float) -> None:
        assert self._connection is not None
        deadline_s = time.monotonic() + timeout_s
        while b"\n" not in self._heard:
            try:
                part = self._connection.recv(64)
            except TimeoutError:
                self._check(deadline_s, "hangs", timeout_s)
                continue
            except OSError:
                part = b""
            if not part:
                raise TurnError("it ended")
            self._heard += part
        line, _, self._heard = self._heard.partition(b"\n")
        self.done = line == b"done"

    def _check(self, deadline_s: float, what: str, timeout_s: float) -> None:
        if not self._lives():
            raise TurnError("it ended")
        if time.monotonic() > deadline_s:
            raise TurnError(f"it {what} within {timeout_s:g} s")

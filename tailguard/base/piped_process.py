"""A child process that is spoken to in lines: it ends with this process, and cannot keep it from ending."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

from tailguard.base.processes import Watchdog


class PipedProcess:
    """Runs `module` in a process and a session of its own. A context manager.

    What is sent arrives on its standard input, where a secret is not seen by `ps`, and what it prints is read here. It
    is to end when its standard input does. If it has not after `patience_s`, because it is stopped or hangs, it is
    killed; likewise if we are killed.
    """

    def __init__(self, module: str, *, cwd: Path | None = None, patience_s: float = 5.0) -> None:
        self._command = [sys.executable, "-m", module]
        self._cwd, self._patience_s = cwd, patience_s
        # First it is only told to go on, if it is stopped: it ends by itself when it finds its input closed.
        self._watchdog = Watchdog(("CONT", "TERM", "KILL"), patience_s=min(patience_s, 5.0))

    def __enter__(self) -> Self:
        self._watchdog.__enter__()
        try:
            # A session of its own: Ctrl-C is ours to hear, and what we still ask it must be answered.
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=self._cwd,
                start_new_session=True,
            )
            self._watchdog.adopt(self._process)
        except BaseException:
            self._watchdog.__exit__()
            raise
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: PT018  # for mypy
        self._input, self._output = self._process.stdin, self._process.stdout
        return self

    def __exit__(self, *_: object) -> None:
        try:
            with suppress(BrokenPipeError):  # it has ended already
                self._input.close()
            self.ended(self._patience_s)  # else the watchdog ends it
        finally:
            self._watchdog.__exit__()
            self._output.close()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def ended(self, within_s: float) -> str:
        """Say how the process ended, "" if it still runs after `within_s`."""
        with suppress(subprocess.TimeoutExpired):
            code = self._process.wait(within_s)
            return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return ""

    def send(self, line: bytes) -> None:
        """Send a line. Raises BrokenPipeError if the process has ended, ValueError after the `with`."""
        self._input.write(line + b"\n")
        self._input.flush()

    def read(self) -> bytes:
        """Return the next line that the process has printed; b"" if there will be none."""
        return self._output.readline()

    def lines(self) -> Iterator[bytes]:
        """Yield the lines that the process prints, until it ends."""
        yield from self._output

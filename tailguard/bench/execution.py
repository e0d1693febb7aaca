"""One command, run once: how long it took, or how it failed."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event, Timer
from typing import IO

from tailguard.base.errors import TailguardError, UsageError
from tailguard.bench.commands import words_of

# Of what a failed command wrote, so much is quoted.
_MOST_QUOTED = 500


class CommandFailedError(TailguardError):
    """A command that does not do what it is measured for: the benchmark cannot go on."""

    exit_code = 65


@dataclass(frozen=True, slots=True)
class Environment:
    """How commands are run.

    Attributes:
        shell: "" for none.
        input: file that each command reads, None for nothing.
        shows_output: whether what commands write is shown; else it is thrown away, errors apart.
        timeout_s: after which a command is killed, None for never.
        ignores_failure: whether any exit status is as good as 0.
    """

    shell: str = ""
    input: Path | None = None
    shows_output: bool = False
    timeout_s: float | None = None
    ignores_failure: bool = False


@dataclass(frozen=True, slots=True)
class Execution:
    """When it was started and when it had ended, on the monotonic clock in ns."""

    started_ns: int
    ended_ns: int


def execute(text: str, around: Environment) -> Execution:
    """Run a command to its end.

    Raises UsageError if it cannot be started, CommandFailedError if it fails or takes too long.
    """
    words = words_of(text, around.shell)
    with ExitStack() as stack:
        given = stack.enter_context(around.input.open("rb")) if around.input else subprocess.DEVNULL
        errors = stack.enter_context(TemporaryFile())
        shown, told = (None, None) if around.shows_output else (subprocess.DEVNULL, errors)
        started_ns = time.monotonic_ns()
        try:
            # A group of its own, so that what it started ends with it.
            process = subprocess.Popen(words, stdin=given, stdout=shown, stderr=told, process_group=0)
        except OSError as error:
            raise UsageError(f"{words[0]!r} cannot be started: {error.strerror}.") from None
        with _ended_after(process, around.timeout_s) as is_late:
            status = process.wait()  # without a timeout of its own, which polls every 50 ms
            ended_ns = time.monotonic_ns()
        if is_late():
            raise CommandFailedError(
                f"{text!r} took longer than {around.timeout_s:g} s. Give a longer --timeout."
            )
        if status and not around.ignores_failure:
            raise CommandFailedError(_failed(text, status, errors))
    return Execution(started_ns, ended_ns)


def run_aside(text: str, around: Environment, what: str) -> None:
    """Run a command that is not timed (`what` names its option). Raises CommandFailedError if it fails."""
    if text:
        try:
            execute(text, around)
        except TailguardError as error:
            raise CommandFailedError(f"{what}: {error}") from None


@contextmanager
def _ended_after(process: "subprocess.Popen[bytes]", timeout_s: float | None) -> Iterator[Callable[[], bool]]:
    """Kill the process and what it started after a time, or if we are interrupted; yields whether it was late."""
    late = Event()

    def end() -> None:
        late.set()
        _kill(process)

    timer = Timer(timeout_s or 0, end)
    timer.daemon = True
    if timeout_s is not None:
        timer.start()
    try:
        yield late.is_set
    except BaseException:
        _kill(process)
        process.wait()
        raise
    finally:
        timer.cancel()


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _failed(text: str, status: int, errors: IO[bytes]) -> str:
    errors.seek(0, os.SEEK_END)
    errors.seek(max(errors.tell() - _MOST_QUOTED, 0))
    said = errors.read().decode("utf-8", "replace").strip()
    how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with {status}"
    return (
        f"{text!r} {how}{f': {said}' if said else ''}. Mend it, or take any exit status for success with"
        " --ignore-failure."
    )

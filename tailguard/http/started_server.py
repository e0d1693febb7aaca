"""A server that is started for a measurement, and what is asked of any server before it is measured."""

import http.client
import os
import shlex
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tailguard.base.errors import TailguardError, UsageError
from tailguard.base.ports import LOOPBACK, free_port
from tailguard.base.processes import Child, Watchdog
from tailguard.config.suite_table import read_table
from tailguard.http.connections import HttpConnections
from tailguard.record.environment import Placement

# `tailguard serve` starts PostgreSQL and S3 and seeds within 5 s on an idle machine.
START_TIMEOUT_S = 150.0
STOP_TIMEOUT_S = 20.0
ASK_TIMEOUT_S, ASK_AGAIN_S = 2.0, 0.1


@contextmanager
def started(command: Sequence[str], ready: str, placement: Placement, folder: Path) -> Iterator[str]:
    """Start a server in `folder` on a free port, which takes the place of {port}; yields its URL once it answers.

    Raises TailguardError with the server's log if it does not start.
    """
    port = free_port()
    with Watchdog(patience_s=STOP_TIMEOUT_S) as watchdog:
        log = watchdog.folder("server-") / "log"
        words = [word.replace("{port}", str(port)) for word in command]
        child = watchdog.start(words, log_path=log, cwd=folder, cpus=placement.server, env=dict(os.environ))
        url = f"http://{LOOPBACK}:{port}"
        _await_answer(child, url, ready)
        yield url


@dataclass(frozen=True, slots=True)
class TargetCommand:
    """What serves a target: its words, one of them with {port}, and the path that answers once it is ready."""

    words: tuple[str, ...]
    ready: str


def command_in(file: Path) -> TargetCommand | None:
    """Return the command of a file's [target], None if it has none. Raises UsageError for one that cannot be."""
    target = read_table(file)[0].get("target")
    if not isinstance(target, dict) or "command" not in target:
        return None
    command, ready = target["command"], target.get("ready", "/")
    if not isinstance(command, str) or not isinstance(ready, str) or not ready.startswith("/"):
        raise UsageError(f"{file}: [target]: command is a text, and ready a path such as '/health'")
    return TargetCommand(tuple(words_of(command)), ready)


def words_of(command: str) -> list[str]:
    """Return a command's words. Raises UsageError if it cannot be read or has no {port}."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"The command {command!r} cannot be read: {error}") from None
    if not any("{port}" in word for word in words):
        raise UsageError(
            f"The command {command!r} does not say where its port goes: write {{port}} there, as in "
            "'uvicorn app:app --port {port}'"
        )
    return words


def ask(url: str, path: str, tls: ssl.SSLContext | None = None) -> str:
    """Return why the server cannot be used, "" if it answers `path` with no failure of its own."""
    connections = HttpConnections(tls, ASK_TIMEOUT_S)
    try:
        status, _, _ = connections.exchange(urlsplit(url), "GET", path, None, {})
    except OSError as error:
        return f"no answer ({error})"
    finally:
        connections.close()
    return f"{path} answered {status}" if status >= http.client.INTERNAL_SERVER_ERROR else ""


def _await_answer(child: Child, url: str, ready: str) -> None:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while reason := ask(url, ready):
        if not child.running:
            raise TailguardError(
                f"the server ended with exit code {child.wait(0)} before it answered:\n{child.log_tail()}"
            )
        if time.monotonic() > deadline_s:
            raise TailguardError(
                f"the server gave no good answer within {START_TIMEOUT_S:g} s: {reason}\n{child.log_tail()}"
            )
        time.sleep(ASK_AGAIN_S)

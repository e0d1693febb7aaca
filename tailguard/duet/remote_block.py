"""The world of a duet's block whose side is a server: a URL that answers, or a command that is started for the block.

The server's database is not ours to read, nor do we know what was done to it before: iterations are numbered from
where no block of this duet has been.
"""

import http.client
import os
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tailguard.base.errors import TailguardError
from tailguard.base.ports import LOOPBACK, free_port
from tailguard.base.processes import Child, Watchdog
from tailguard.config.merge import Config
from tailguard.duet.order import ServerOrder, TargetTable
from tailguard.engine.iteration import Session
from tailguard.engine.scenario import Scenario
from tailguard.http.connections import HttpConnections
from tailguard.http.remote_target import MappedTarget, RemoteTarget, Shard
from tailguard.pipeline.world import RemoteWorld, remote_world
from tailguard.record.environment import Placement
from tailguard.suite.parts import parts_of

# `tailguard serve` starts PostgreSQL and S3 and seeds within 5 s on an idle machine.
START_TIMEOUT_S = 150.0
STOP_TIMEOUT_S = 20.0
ASK_AGAIN_S = 0.1
# More iterations than a block of any profile has; a multiple of every period that a scenario's iterations have.
ITERATIONS_PER_BLOCK = 10_000


@contextmanager
def open_remote(
    config: Config, server: ServerOrder, run_id: str, placement: Placement
) -> Iterator[RemoteWorld]:
    """Reach a side's server, started if it is a command.

    Raises TailguardError with the server's log if it does not start.
    """
    parts = parts_of(config.suite)
    with ExitStack() as stack:
        url = server.url or stack.enter_context(started(server.command, server.health, placement))
        target = RemoteTarget(host=url, secret=server.secret, mapping=_mapping(parts, server.mapping, url))
        platform = parts.platform_of(target, Shard())
        stack.callback(platform.close)
        resources = stack.enter_context(ExitStack())
        world = remote_world(run_id, config, platform, parts.rows_of(target, Shard()), resources)
        world.placement = placement
        yield world


@contextmanager
def started(command: Sequence[str], health: str, placement: Placement) -> Iterator[str]:
    """Start a server on a free port, which takes the place of {port}; returns its URL once it answers."""
    port = free_port()
    with Watchdog(patience_s=STOP_TIMEOUT_S) as watchdog:
        log = watchdog.folder("tailguard-server-") / "log"
        words = [word.replace("{port}", str(port)) for word in command]
        child = watchdog.start(
            words, log_path=log, cwd=Path.cwd(), cpus=placement.server, env=dict(os.environ)
        )
        url = f"http://{LOOPBACK}:{port}"
        _await_answer(child, url, health)
        yield url


def ask(url: str, path: str, *, timeout_s: float = 2.0, tls: ssl.SSLContext | None = None) -> str:
    """Return why the server cannot be used, "" if it answers `path` with no failure of its own."""
    connections = HttpConnections(tls, timeout_s)
    try:
        status, _, _ = connections.exchange(urlsplit(url), "GET", path, None, {})
    except OSError as error:
        return f"no answer ({error})"
    finally:
        connections.close()
    return f"{path} answered {status}" if status >= http.client.INTERNAL_SERVER_ERROR else ""


def later(scenario: Scenario, first_iteration: int) -> Scenario:
    """Return the scenario with its iterations numbered from there: what was done at a server is not done again."""

    def journey(session: Session, platform: Any, data: Any) -> None:
        session.turn += first_iteration
        play(session, platform, data)

    play: Callable[[Session, Any, Any], None] = scenario.journey
    return replace(scenario, journey=journey)


def _await_answer(child: Child, url: str, health: str) -> None:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while reason := ask(url, health):
        if not child.running:
            raise TailguardError(
                f"the server ended with exit code {child.wait(0)} before it answered:\n{child.log_tail()}"
            )
        if time.monotonic() > deadline_s:
            raise TailguardError(
                f"the server gave no good answer within {START_TIMEOUT_S:g} s: {reason}\n{child.log_tail()}"
            )
        time.sleep(ASK_AGAIN_S)


def _mapping(parts: Any, mapping: MappedTarget | TargetTable | None, url: str) -> MappedTarget | None:
    """Return the mapping with its users logged in: at a server that was just started nobody is."""
    if not isinstance(mapping, TargetTable):
        return mapping
    target = parts.parse_target(mapping.table.value, mapping.source, Path(mapping.folder))
    mapped: MappedTarget = parts.packed(target, url)
    return mapped

"""Sides of a duet that are servers: URLs that answer, or commands that are started afresh for each block.

Such a side is reached over HTTP. What needs its database - seeding, invariants, query plans - is not done, and said.
"""

import os
import secrets
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tailguard.base.errors import UsageError
from tailguard.config.merge import Config
from tailguard.config.suite_table import SuiteTable, find_file, require_suite
from tailguard.duet.blocks import BlockResult, Side
from tailguard.duet.order import ServerOrder, SideOrder, TargetTable, settings_of
from tailguard.duet.remote_block import ask
from tailguard.duet.shared_servers import SIDES, SharedServers
from tailguard.duet.side_spec import SideSpec
from tailguard.http.connections import is_address
from tailguard.http.remote_target import MappedTarget
from tailguard.record.doubt import Doubt, Grade
from tailguard.record.duet import SideName
from tailguard.record.environment import Placement
from tailguard.record.part import Document
from tailguard.suite.parts import parts_of

# A duet's iterations are numbered from somewhere in this many: so far apart that two duets of one server seldom meet.
ITERATIONS, ITERATIONS_OF_A_DUET = 4_000_000, 1_000_000


@dataclass(frozen=True, slots=True)
class ServerSide:
    """A side that is a server, as `spec` asks for it. `mapping` is None if the suite knows its routes."""

    name: SideName
    spec: SideSpec
    mapping: MappedTarget | TargetTable | None
    health: str
    secret: str
    first_iteration: int
    secret_variable: str
    suite: SuiteTable

    @property
    def label(self) -> str:
        """What it is, for people; a command may hold secrets, so only its program is named."""
        if self.spec.url:
            return self.spec.url
        given = [f"{name}={value}" for name, value in self.spec.environ.items() if name == "TAILGUARD_FAULTS"]
        return ", ".join([f"the server of `{Path(words_of(self.spec.command)[0]).name} ...`", *given])

    def ready(self, config: Config, servers: SharedServers, placement: Placement, identity: str) -> Side:
        """Return the side as the engine starts it; it shares no servers, and names no schema."""
        server = ServerOrder(
            label=self.label,
            url=self.spec.url.rstrip("/"),
            command=tuple(words_of(self.spec.command)) if self.spec.command else (),
            health=self.health,
            secret=self.secret,
            mapping=self.mapping,
            first_iteration=self.first_iteration,
        )
        return Side(
            name=self.name,
            label=self.label,
            command=(sys.executable, "-P", "-m", "tailguard.duet.block"),
            environ={**({self.secret_variable: self.secret} if self.secret else {}), **self.spec.environ},
            cwd=Path.cwd(),
            order=SideOrder(
                profile=config.profile,
                settings=settings_of(config),
                config_file=str(self.suite.file),
                placement=placement,
                server=server,
            ),
        )


@dataclass(frozen=True, slots=True)
class ServerSides:
    """What a duet between servers needs beside them: the mapping of their routes, None if the suite knows them."""

    config: Config
    target: Any

    @classmethod
    def between(cls, specs: Mapping[SideName, SideSpec], target: str | None, config: Config) -> "ServerSides":
        """Raises UsageError if the sides cannot be compared, or a scenario asks for what the mapping lacks."""
        check_servers(specs)
        found = target_from(target, parts_of(config.suite))
        for slug, why in (found.skipped(config.get("scenarios")) if found else {}).items():
            raise UsageError(
                f"{slug} cannot be played at these servers: {why}. Choose others with --scenario."
            )
        return cls(config, found)

    @contextmanager
    def open(
        self, specs: Mapping[SideName, SideSpec], say: Callable[[str], None]
    ) -> Iterator[list[ServerSide]]:
        """Return the sides, in the order of `SIDES`. Raises UsageError if a URL is silent or nobody may log in."""
        first = secrets.randbelow((ITERATIONS - ITERATIONS_OF_A_DUET) // 100) * 100
        found = [_server_side(name, specs[name], self.target, first, self.config) for name in SIDES]
        for side in found:
            say(
                f"{side.name}: {side.label}; the seeding, invariants and query plans of external servers are not"
                " checked"
            )
        yield found

    def doubts(self, blocks: Sequence[BlockResult]) -> list[Doubt]:
        """Return what could not be looked at, for the run's record."""
        unchecked = {
            slug: entry.unchecked
            for block in blocks[:1]
            for side in block.sides.values()
            for slug, entry in side.record.scenarios.items()
            if entry.unchecked
        }
        found = [
            Doubt(
                kind="invariants_unchecked",
                scenario=slug,
                grade=Grade.NOTE,
                measured=why,
                limit="every invariant checked",
                remedy="check money, capacity and uniqueness on the servers themselves",
            )
            for slug, why in unchecked.items()
        ]
        plans = Doubt(
            kind="plans_not_compared",
            scenario=None,
            grade=Grade.NOTE,
            measured="the servers' query plans cannot be seen",
            limit="plans compared",
            remedy="compare code: --baseline-ref",
        )
        return [*found, plans]


def target_from(path: str | None, parts: Any) -> Any:
    """Return the mapping that `--target` or the configuration file has; None if the suite knows the routes."""
    file = find_file(path)
    target = None if file is None else parts.load_target(file)
    if target is None and path:
        raise UsageError(f"{path} has no [target]: describe the servers' routes there")
    return target


def check_servers(sides: Mapping[SideName, SideSpec]) -> None:
    """Raise UsageError if the two sides are not both servers that can be told apart."""
    for name, side in sides.items():
        if not side.server:
            raise UsageError(
                f"One side is a server, and the {name} is code: HTTP in between would be the difference. "
                f"Give --{name}-url or --{name}-command too."
            )
        _check_side(name, side)
    if sides["baseline"].url and sides["baseline"].url.rstrip("/") == sides["candidate"].url.rstrip("/"):
        raise UsageError(f"Both sides are the same server, {sides['baseline'].url}: start one for each side.")


def words_of(command: str) -> list[str]:
    """Return a command's words. Raises UsageError if it cannot be read or has no {port}."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"The command {command!r} cannot be read: {error}") from None
    if not any("{port}" in word for word in words):
        raise UsageError(
            f"The command {command!r} does not say where its port goes: write {{port}} there, as in "
            "'tailguard serve --port {port}'"
        )
    return words


def _server_side(name: SideName, spec: SideSpec, target: Any, first: int, config: Config) -> ServerSide:
    parts, suite = parts_of(config.suite), require_suite(config.suite)
    health = (target.health if target else "") or "/"
    if spec.url and (reason := ask(spec.url, health, tls=parts.tls_of(target) if target else None)):
        raise UsageError(
            f"--{name}-url {spec.url}: {reason}. Start the server first, and check host, port and TLS."
        )
    secret = "" if target else _secret(name, spec, parts.SECRET_VARIABLE)
    mapping = _mapping(spec, target, parts)
    return ServerSide(name, spec, mapping, health, secret, first, parts.SECRET_VARIABLE, suite)


def _mapping(spec: SideSpec, target: Any, parts: Any) -> MappedTarget | TargetTable | None:
    """Return the mapping as blocks have it: with everybody logged in, if the server is there already."""
    if target is None:
        return None
    if spec.url:
        mapped: MappedTarget = parts.packed(target, spec.url.rstrip("/"))
        return mapped
    return TargetTable(
        source=target.source, table=Document(target.table), folder=str(target.folder.resolve())
    )


def _secret(name: str, side: SideSpec, variable: str) -> str:
    given = side.environ.get(variable) or os.environ.get(variable, "")
    if not given and side.url:
        raise UsageError(
            f"There is no way to log in at --{name}-url {side.url}. For a server of `tailguard serve`, set "
            f"{variable} to the one it was started with; for a platform of yours, describe its routes and its "
            "log-in with --target FILE."
        )
    return given or secrets.token_hex(32)


def _check_side(name: str, side: SideSpec) -> None:
    if side.command:
        words_of(side.command)
        return
    address = urlsplit(side.url)
    if not is_address(side.url) or address.path.strip("/") or address.query or address.username is not None:
        raise UsageError(
            f"--{name}-url is not an address of a server: write http://host:port, with no log-in and no path"
        )
    if side.environ:
        raise UsageError(
            f"--{name}-env is for processes that we start: --{name}-url {side.url} runs already. "
            f"Use --{name}-command, or start it with its variables yourself."
        )

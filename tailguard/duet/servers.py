"""Sides of a duet that are servers: URLs that answer, or commands that are started afresh for each block.

They are reached over HTTP. What needs a database - seeding, invariants, query plans - is not done, as the run says.
"""

import logging
import os
import re
import secrets
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tailguard.base.errors import UsageError
from tailguard.config.merge import Config
from tailguard.config.suite_table import SuiteTable, read_table
from tailguard.duet.blocks import Side
from tailguard.duet.order import ServerOrder, SideOrder, settings_of
from tailguard.duet.shared_servers import SIDES, SharedServers
from tailguard.duet.side_spec import SideSpec
from tailguard.http.connections import check_address
from tailguard.http.started_server import ask, words_of
from tailguard.http.tls import read_tls
from tailguard.record.doubt import Doubt, Grade
from tailguard.record.duet import SideName
from tailguard.record.environment import Placement

log = logging.getLogger(__name__)

NEEDED = (
    "Each server needs a database and a message broker of its own: rows that one writes are conflicts for the other,"
    " and events of one reach the other's subscribers."
)
_PART = re.compile(
    r"\b(?:postgres(?:ql)?|mysql|mariadb|mongodb|rediss?|amqps?|nats|kafka)(?:\+\w+)?://[^\s'\"]+",
    re.IGNORECASE,
)
# A duet's iterations are numbered from somewhere in this many: so far apart that two duets of one server seldom meet.
ITERATIONS, ITERATIONS_OF_A_DUET = 4_000_000, 1_000_000
# Where a server that we start and the suite find a secret that both know, to sign tokens with. Each side has its own.
SECRET_VARIABLE = "TAILGUARD_TARGET_SECRET"  # noqa: S105  # the variable's name


@dataclass(frozen=True, slots=True)
class TargetTable:
    """The [target] of `file`, "" if there is none, as far as a duet reads it: the path that a server must answer."""

    file: str
    health: str


@dataclass(frozen=True, slots=True)
class ServerSide:
    """A side that is a server, as `spec` asks for it; `target` describes it."""

    name: SideName
    spec: SideSpec
    target: TargetTable
    first_iteration: int
    blocks: int
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
            health=self.target.health,
            target_file=self.target.file,
            first_iteration=self.first_iteration,
            blocks=self.blocks,
        )
        secret = {SECRET_VARIABLE: secrets.token_hex(32)} if self.spec.command else {}
        return Side(
            name=self.name,
            label=self.label,
            command=(sys.executable, "-P", "-m", "tailguard.duet.block"),
            environ={**secret, **self.spec.environ},
            cwd=Path.cwd(),
            order=SideOrder(
                profile=config.profile,
                settings=settings_of(config) | {"database.dsn": ""},  # nobody says whose it is
                config_file=str(self.suite.file),
                scenarios=self.suite.scenarios,
                placement=placement,
                server=server,
            ),
        )


def server_sides(
    suite: SuiteTable, specs: Mapping[SideName, SideSpec], target: TargetTable, blocks: int
) -> list[ServerSide]:
    """Return the sides of a duet of so many blocks, in the order of `SIDES`. Raises UsageError if a URL is silent."""
    first = secrets.randbelow((ITERATIONS - ITERATIONS_OF_A_DUET) // 100) * 100
    for name in SIDES:
        url = specs[name].url
        if url and (reason := ask(url, target.health, read_tls(target.file).context())):
            raise UsageError(
                f"--{name}-url {url}: {reason}. Start the server first, and check host, port and TLS."
            )
    log.info(NEEDED)
    found = [ServerSide(name, specs[name], target, first, blocks, suite) for name in SIDES]
    for side in found:
        log.info(
            "%s: %s; the seeding, invariants and query plans of external servers are not checked",
            side.name,
            side.label,
        )
    return found


def target_in(path: str | None, suite: SuiteTable) -> TargetTable:
    """Return the [target] of the file that is given, else of the suite's own.

    Raises UsageError if a file is given and has none.
    """
    file = Path(path) if path else suite.existing_file
    table = None if file is None else read_table(file)[0].get("target")
    if file is None or not isinstance(table, Mapping):
        if path:
            raise UsageError(f"{path} has no [target]: describe the servers' routes there")
        return TargetTable("", "/")
    return TargetTable(str(file.resolve()), str(table.get("ready") or table.get("health") or "/"))


def check_servers(sides: Mapping[SideName, SideSpec]) -> None:
    """Raise UsageError if the two sides are not both servers that can be distinguished."""
    for name, side in sides.items():
        if not side.server:
            raise UsageError(
                f"One side is a server, and the {name} is code: HTTP in between would be the difference. "
                f"Give --{name}-url or --{name}-command too."
            )
        _check_side(name, side)
    if sides["baseline"].url and sides["baseline"].url.rstrip("/") == sides["candidate"].url.rstrip("/"):
        raise UsageError(f"Both sides are the same server, {sides['baseline'].url}: start one for each side.")


def _check_side(name: str, side: SideSpec) -> None:
    if side.command:
        words_of(side.command)
        return
    check_address(side.url, f"--{name}-url")
    address = urlsplit(side.url)
    if address.path.strip("/") or address.query or address.username is not None:
        raise UsageError(
            f"--{name}-url is not the address of a server alone: write http://host:port, with no log-in and no path"
        )
    if side.environ:
        raise UsageError(
            f"--{name}-env is for processes that we start: --{name}-url {side.url} runs already. "
            f"Use --{name}-command, or start it with its variables yourself."
        )


def doubts_of_shared_parts(
    sides: Mapping[SideName, SideSpec], environ: Mapping[str, str] = os.environ
) -> Iterator[Doubt]:
    """Yield a doubt for each part that the commands of both sides name, in their words or their environment.

    Of a server that runs already nothing can be seen.
    """
    commands = [spec for spec in sides.values() if spec.command]
    if len(commands) < 2:  # noqa: PLR2004  # both sides
        return
    baseline, candidate = (_parts_of(spec, environ) for spec in commands)
    for part in sorted(baseline & candidate):
        yield Doubt(
            kind="shared_parts",
            scenario=None,
            grade=Grade.WARN,
            measured=f"the commands of both sides are given {part}",
            limit="a database and a message broker for each side",
            remedy="give one side another one, in its command or with --candidate-env NAME=ADDRESS",
        )


def _parts_of(spec: SideSpec, environ: Mapping[str, str]) -> set[str]:
    given = {**environ, **spec.environ}
    return {_part(found) for text in (spec.command, *given.values()) for found in _PART.findall(text)}


def _part(address: str) -> str:
    """Return host, port and database of an address; log-ins are left out, as they may differ."""
    split = urlsplit(address)
    return f"{split.scheme.lower()}://{split.netloc.rpartition('@')[2]}{split.path}"

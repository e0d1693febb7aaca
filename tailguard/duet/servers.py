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
from tailguard.base.placement import Placement
from tailguard.config.merge import Config
from tailguard.config.suite_table import SuiteTable, find_file, require_suite
from tailguard.duet.blocks import Pair, Side
from tailguard.duet.remote_block import ask
from tailguard.duet.shared_servers import SIDES, Ground
from tailguard.duet.side_spec import Wanted
from tailguard.http.connections import is_address
from tailguard.record.doubt import Doubt
from tailguard.suite.parts import parts_of

# Turns of a block begin somewhere in this many: so far apart that two duets of one server seldom meet.
TURNS, TURNS_OF_A_DUET = 4_000_000, 1_000_000


@dataclass(frozen=True, slots=True)
class Remote:
    """A side that is a server. `mapping` is empty for one whose routes the suite knows."""

    name: str
    wanted: Wanted
    mapping: Mapping[str, Any]
    health: str
    secret: str
    first_turn: int
    secret_variable: str
    suite: SuiteTable

    @property
    def label(self) -> str:
        """What it is, for people; a command may hold secrets, so only its program is named."""
        if self.wanted.url:
            return self.wanted.url
        given = [
            f"{name}={value}" for name, value in self.wanted.environ.items() if name == "TAILGUARD_FAULTS"
        ]
        return ", ".join([f"the server of `{Path(words_of(self.wanted.command)[0]).name} ...`", *given])

    def ready(self, config: Config, ground: Ground, placement: Placement, identity: str) -> Side:
        """Return the side as the engine starts it."""
        settings = {
            name: setting.value for name, setting in config.settings.items() if setting.value is not None
        }
        server = {
            "label": self.label,
            "url": self.wanted.url.rstrip("/"),
            "command": words_of(self.wanted.command) if self.wanted.command else [],
            "health": self.health,
            "secret": self.secret,
            "mapping": self.mapping,
            "first_turn": self.first_turn,
        }
        return Side(
            name=self.name,
            label=self.label,
            command=(sys.executable, "-P", "-m", "tailguard.duet.block"),
            environ={**({self.secret_variable: self.secret} if self.secret else {}), **self.wanted.environ},
            cwd=Path.cwd(),
            order={
                "profile": config.profile,
                "settings": settings,
                "folder": "",
                "config_file": str(self.suite.file),
                "placement": placement.as_dict(),
                "server": server,
            },
        )


@dataclass(frozen=True, slots=True)
class Servers:
    """What a duet between servers needs beside them: the mapping of their routes, None if the suite knows them."""

    config: Config
    target: Any

    @classmethod
    def between(cls, wanted: Mapping[str, Wanted], target: str | None, config: Config) -> "Servers":
        """Raises UsageError where the sides cannot be compared, or a scenario asks for what the mapping has not."""
        check_servers(wanted)
        found = target_from(target, parts_of(config.suite))
        for slug, why in (found.skipped(config.get("scenarios")) if found else {}).items():
            raise UsageError(
                f"{slug} cannot be played at these servers: {why}. Choose others with --scenario."
            )
        return cls(config, found)

    @contextmanager
    def open(self, wanted: Mapping[str, Wanted], say: Callable[[str], None]) -> Iterator[list[Remote]]:
        """Return the sides, in the order of `SIDES`. Raises UsageError where a URL is silent or nobody may log in."""
        first_turn = secrets.randbelow((TURNS - TURNS_OF_A_DUET) // 100) * 100
        found = [_remote(name, wanted[name], self.target, first_turn, self.config) for name in SIDES]
        for side in found:
            say(
                f"{side.name}: {side.label}; its seeding, invariants and query plans are its own affair, not checked"
            )
        yield found

    def doubts(self, pairs: Sequence[Pair]) -> list[dict[str, Any]]:
        """Return what could not be looked at, for the run's record."""
        unchecked = {
            slug: entry["unchecked"]
            for pair in pairs[:1]
            for half in pair.halves.values()
            for slug, entry in half.record["scenarios"].items()
            if entry["unchecked"]
        }
        remedy = "check money, capacity and uniqueness on the servers themselves"
        plans = "the servers' query plans cannot be seen"
        found = [
            *(
                Doubt("invariants_unchecked", slug, "note", why, "every invariant checked", remedy)
                for slug, why in unchecked.items()
            ),
            Doubt(
                "plans_not_compared", None, "note", plans, "plans compared", "compare code: --baseline-ref"
            ),
        ]
        return [each.as_dict() for each in found]


def target_from(path: str | None, parts: Any) -> Any:
    """Return the mapping that `--target` or the configuration file has; None if the suite knows the routes."""
    file = find_file(path)
    target = None if file is None else parts.load_target(file)
    if target is None and path:
        raise UsageError(f"{path} has no [target]: describe the servers' routes there")
    return target


def check_servers(sides: Mapping[str, Wanted]) -> None:
    """Raise UsageError where the two sides are not both servers that can be told apart."""
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
    """Return a command's words. Raises UsageError where it is none."""
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


def _remote(name: str, side: Wanted, target: Any, first_turn: int, config: Config) -> Remote:
    parts, suite = parts_of(config.suite), require_suite(config.suite)
    health = (target.health if target else "") or "/"
    if side.url and (reason := ask(side.url, health, tls=parts.tls_of(target) if target else None)):
        raise UsageError(
            f"--{name}-url {side.url}: {reason}. Start the server first, and check host, port and TLS."
        )
    secret = "" if target else _secret(name, side, parts.SECRET_VARIABLE)
    mapping = _mapping(side, target, parts)
    return Remote(name, side, mapping, health, secret, first_turn, parts.SECRET_VARIABLE, suite)


def _mapping(side: Wanted, target: Any, parts: Any) -> Mapping[str, Any]:
    """Return the mapping as blocks have it: with everybody logged in, where the server is there already."""
    if target is None:
        return {}
    if side.url:
        packed: Mapping[str, Any] = parts.packed(target, side.url.rstrip("/"))
        return packed
    return {"table": target.table, "source": target.source, "folder": str(target.folder.resolve())}


def _secret(name: str, side: Wanted, variable: str) -> str:
    given = side.environ.get(variable) or os.environ.get(variable, "")
    if not given and side.url:
        raise UsageError(
            f"There is no way to log in at --{name}-url {side.url}. For a server of `tailguard serve`, set "
            f"{variable} to the one it was started with; for a platform of yours, describe its routes and its "
            "log-in with --target FILE."
        )
    return given or secrets.token_hex(32)


def _check_side(name: str, side: Wanted) -> None:
    if side.command:
        words_of(side.command)
        return
    address = urlsplit(side.url)
    if not is_address(side.url) or address.path.strip("/") or address.query or address.username is not None:
        raise UsageError(
            f"--{name}-url is no address of a server: write http://host:port, with no log-in and no path"
        )
    if side.environ:
        raise UsageError(
            f"--{name}-env is for processes that we start: --{name}-url {side.url} runs already. "
            f"Use --{name}-command, or start it with its variables yourself."
        )

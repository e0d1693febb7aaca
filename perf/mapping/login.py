"""Logging in at your platform, as its mapping says."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from perf.mapping.pools import Row
from perf.mapping.target import TargetMapping
from tailguard.http import Credential, Door, HttpConnections, Login, TargetTable, with_secrets


def login_of(mapping: TargetMapping) -> Login | None:
    """Return the log-in with its secrets, None if none is described. Raises UsageError for one not set."""
    return None if mapping.login is None else with_secrets(mapping.login, _where(mapping))


def log_in(mapping: TargetMapping, login: Login, host: str, users: Sequence[Row]) -> list[Credential]:
    """Return the credentials of these users, in their order. Raises LoginError, or UsageError for a file."""
    target = TargetTable(headers=mapping.top.headers, throttled=mapping.top.throttled)
    door = Door(target, login, host, Path(mapping.folder), _where(mapping))
    with closing(HttpConnections(mapping.tls.context())) as connections:
        return door.log_in(users, connections)


def _where(mapping: TargetMapping) -> str:
    return f"{mapping.source}: [target.login]"

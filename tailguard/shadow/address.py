"""Where the primary and the candidate are, and that they are two."""

import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

from tailguard.base.errors import UsageError
from tailguard.base.ports import LOOPBACK
from tailguard.http.connections import check_address
from tailguard.http.tls import Tls
from tailguard.postgres.location.connection_string import checked

_LOCAL = {"localhost": LOOPBACK, "::1": LOOPBACK, "0.0.0.0": LOOPBACK, "": LOOPBACK}  # noqa: S104  # what is compared


@dataclass(frozen=True, slots=True)
class Address:
    """A service. `tls` is None for plain HTTP."""

    host: str
    port: int
    tls: ssl.SSLContext | None

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


def address_of(url: str, option: str) -> Address:
    """Return the address. Raises UsageError, naming the option, for what is not one, or has a path."""
    check_address(url, option)
    parts = urlsplit(url)
    if parts.path not in ("", "/") or parts.query or parts.username:
        raise UsageError(
            f"{option} is {parts.scheme}://{parts.hostname}{parts.path}: give http://host:port alone"
        )
    secure = parts.scheme == "https"
    assert parts.hostname is not None  # it was checked
    return Address(parts.hostname, parts.port or (443 if secure else 80), Tls().context() if secure else None)


def check_apart(primary: Address, candidate: Address) -> None:
    """Raise UsageError if both are one service."""
    if _place(primary.host, primary.port) == _place(candidate.host, candidate.port):
        raise UsageError(
            f"--candidate {candidate.url} is the primary itself: every write would be done twice. Start the candidate "
            "on a port of its own."
        )


def check_databases_apart(primary: str | None, candidate: str | None) -> None:
    """Raise UsageError if one is missing, is not a connection string, or both are the same database of one server."""
    if primary is None and candidate is None:
        return
    if primary is None or candidate is None:
        missing = "--primary-dsn" if primary is None else "--candidate-dsn"
        raise UsageError(f"{missing} is missing: give both, so that they can be told apart.")
    places = [
        _database(checked(dsn, option))
        for dsn, option in ((primary, "--primary-dsn"), (candidate, "--candidate-dsn"))
    ]
    if places[0] == places[1]:
        (host, port), name = places[0]
        raise UsageError(
            f"--primary-dsn and --candidate-dsn are the same database, {name} on {host}:{port}: the candidate would do "
            "each write of your users a second time. Give it a copy: CREATE DATABASE ... TEMPLATE ..."
        )


def _database(conninfo: str) -> tuple[tuple[str, str], str]:
    """Server and database as libpq would reach them; the user does not matter."""
    parts = conninfo_to_dict(conninfo)
    user = str(parts.get("user") or "")
    host = str(parts.get("hostaddr") or parts.get("host") or "")
    return _place(host, str(parts.get("port") or 5432)), str(parts.get("dbname") or user or "the user's own")


def _place(host: str, port: int | str) -> tuple[str, str]:
    """A socket's folder is this machine, too."""
    low = host.lower()
    return (LOOPBACK if low.startswith(("/", "127.")) else _LOCAL.get(low, low)), str(port)

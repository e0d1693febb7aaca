"""A mapping: how a platform of yours is asked for each step, who asks, and with which data. Read from TOML [target].

docs/examples/deltacrown.toml has every part of it, explained.
"""

import ssl
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perf.mapping.template import places
from tailguard.base.errors import UsageError
from tailguard.config.layers import read_toml
from tailguard.config.option import did_you_mean

# What a step may say of itself, and what each of ours has to fill its places with.
_STEP_KEYS = (
    "method",
    "path",
    "body",
    "form",
    "headers",
    "expect",
    "conflict",
    "conflict_if",
    "id",
    "link",
    "user",
)
_PLACES = {
    "register": {"user", "tournament"},
    "submit": {"user", "match", "score1", "score2"},
    "transfer": {"user", "from_wallet", "to_wallet", "amount", "key"},
    "upload": {"user", "registration", "kind", "body"},
    "presigned_read": {"user", "certificate"},
    "match_scores": {"user", "match"},
}
STEPS = tuple(_PLACES)
OPTIONAL = ("match_scores",)
_HTTP = range(100, 600)
# The steps that each scenario cannot be played without; "feed" is the WebSocket.
NEEDED = {
    "registration": ("register",),
    "result_submission": ("submit",),
    "websocket_broadcast": ("submit", "feed"),
    "economy_transfer": ("transfer",),
    "certificate_upload": ("upload", "presigned_read"),
}
_TOP_KEYS = (
    "health",
    "headers",
    "verify_tls",
    "ca_file",
    "ca_pem",
    "throttled",
    "login",
    "pools",
    "steps",
    "feed",
    "absent",
)
_FEED_KEYS = ("path", "origin", "headers", "ready_type", "event_type", "key_path")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class Step:
    """One request. `conflict_if` lists (status, text of the body) that mean a clean refusal, as `conflict` does.

    `id` is the field of the answer with the new row's id, `link` the one with a link to follow, `user` the user pool's
    row (by number) that asks if the step itself names nobody.
    """

    method: str
    path: str
    body: Any
    form: Any
    headers: Mapping[str, str]
    expect: Collection[int]
    conflict: Collection[int]
    conflict_if: Sequence[tuple[int, str]]
    id: str
    link: str
    user: int


@dataclass(frozen=True, slots=True)
class Target:
    """A platform as its mapping describes it. `absent` says why a step is not there; `folder` has its files."""

    source: str
    folder: Path
    health: str
    headers: Mapping[str, str]
    verify_tls: bool
    ca_pem: str
    throttled: Collection[int]
    login: Mapping[str, Any]
    pools: Mapping[str, Mapping[str, Any]]
    steps: Mapping[str, Step]
    feed: Mapping[str, Any]
    absent: Mapping[str, str]
    table: Mapping[str, Any] = field(repr=False)

    def skipped(self, slugs: Collection[str]) -> dict[str, str]:
        """Return the scenarios that cannot be played against this target, with the reason."""
        there = {*self.steps, *(["feed"] if self.feed else [])}
        lacking = {slug: [step for step in NEEDED.get(slug, ()) if step not in there] for slug in slugs}
        return {
            slug: "; ".join(
                f"it has no {step}: {self.absent.get(step, 'not in the mapping')}" for step in steps
            )
            for slug, steps in lacking.items()
            if steps
        }


def load_target(path: Path) -> Target | None:
    """Read the [target] of a file, None if it has none. Raises UsageError naming file, key and value."""
    table, _ = read_toml(path)
    return parse_target(table["target"], str(path), path.parent) if "target" in table else None


def parse_target(table: Mapping[str, Any], source: str, folder: Path) -> Target:
    """Return the target of a parsed [target] table; see `load_target`."""
    where = f"{source}: [target]"
    _expect(table, _TOP_KEYS, where)
    steps = {
        name: _step(name, step, f"{source}: [target.steps.{name}]") for name, step in _steps(table, source)
    }
    feed = table.get("feed", {})
    _expect(feed, _FEED_KEYS, f"{source}: [target.feed]")
    absent = table.get("absent", {})
    _expect(absent, (*STEPS, "feed"), f"{source}: [target.absent]")
    if both := sorted({*absent} & {*steps}):
        raise UsageError(f"{source}: [target.absent] denies {both[0]}, and [target.steps.{both[0]}] has it")
    return Target(
        source,
        folder,
        table.get("health", ""),
        table.get("headers", {}),
        table.get("verify_tls", True),
        _read_ca(folder / table["ca_file"], where) if "ca_file" in table else table.get("ca_pem", ""),
        frozenset(table.get("throttled", (429,))),
        table.get("login", {}),
        table.get("pools", {}),
        steps,
        feed,
        absent,
        table,
    )


def _steps(table: Mapping[str, Any], source: str) -> list[tuple[str, Any]]:
    steps = table.get("steps", {})
    _expect(steps, STEPS, f"{source}: [target.steps]")
    return list(steps.items())


def _step(name: str, table: Any, where: str) -> Step:
    if not isinstance(table, Mapping):
        raise UsageError(f"{where} is {table!r}; it is a table with method and path")
    _expect(table, _STEP_KEYS, where)
    method = table.get("method", "")
    if method not in METHODS:
        raise UsageError(f"{where}: method is {method!r}; write one of {', '.join(METHODS)}")
    if not str(table.get("path", "")).startswith("/"):
        raise UsageError(f"{where}: path is {table.get('path')!r}; it begins with /, without the host")
    for place in places([table["path"], table.get("body"), table.get("form"), table.get("headers")]):
        if place.partition(".")[0] not in _PLACES[name]:
            raise UsageError(
                f"{where}: {{{place}}} stands for nothing here.{did_you_mean(place, [*_PLACES[name]])}"
            )
    return Step(
        method,
        table["path"],
        table.get("body"),
        table.get("form"),
        table.get("headers", {}),
        _statuses(table.get("expect", (200,)), f"{where}: expect"),
        _statuses(table.get("conflict", (409,)), f"{where}: conflict"),
        [(each["status"], each["contains"]) for each in table.get("conflict_if", ())],
        table.get("id", "id"),
        table.get("link", ""),
        table.get("user", 0),
    )


def _read_ca(path: Path, where: str) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{where}: cannot read the certificates in ca_file {path}: {error}") from error


def _statuses(value: Any, where: str) -> frozenset[int]:
    if not isinstance(value, list | tuple) or not all(
        isinstance(each, int) and each in _HTTP for each in value
    ):
        raise UsageError(f"{where} is {value!r}; it is a list of statuses, such as [200, 201]")
    return frozenset(value)


def _expect(table: Any, known: Sequence[str], where: str) -> None:
    if not isinstance(table, Mapping):
        raise UsageError(f"{where} is {table!r}; it is a table")
    for key in table:
        if key not in known:
            raise UsageError(f"{where}: {key!r} is unknown.{did_you_mean(key, list(known))}")


def tls_of(target: Target) -> ssl.SSLContext | None:
    """Return how the target's certificate is checked; None is the machine's own way."""
    if not target.verify_tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context
    return ssl.create_default_context(cadata=target.ca_pem) if target.ca_pem else None

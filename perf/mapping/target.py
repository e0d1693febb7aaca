"""A mapping: how a platform of yours is asked for each step, who asks, and with which data. Read from TOML [target].

docs/examples/deltacrown-mapping.toml has every part of it, explained.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import tailguard as tg
from perf.mapping.tables import (
    Json,
    Table,
    nearest,
    number_in,
    read_target,
    statuses_in,
    table_of,
    tables_in,
    text_in,
    texts_in,
)
from perf.offer import EventPaths
from perf.platform import NEEDED
from tailguard.http import Tls, places, tls_in

# What a step may state, and the values that each step has for its places.
STEP_KEYS = (
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
# What these steps may state besides.
KEYS_OF = {"submit": ("together",), "match_scores": ("score1", "score2", "updated_at")}
_PLACES = {
    "register": {"user", "tournament"},
    "submit": {"user", "match", "score1", "score2"},
    "transfer": {"user", "from_wallet", "to_wallet", "amount", "key"},
    "upload": {"user", "registration", "kind", "body"},
    "presigned_read": {"user", "certificate"},
    "match_scores": {"user", "match"},
}
STEPS = tuple(_PLACES)
# The pool that each step takes its rows from.
POOL_OF_STEP = {
    "register": "tournaments",
    "submit": "matches",
    "match_scores": "matches",
    "transfer": "wallets",
    "upload": "registrations",
    "presigned_read": "registrations",
    "feed": "broadcast_matches",
}
# The pool that each scenario takes its rows from.
_POOLS = {
    "registration": "tournaments",
    "result_submission": "matches",
    "websocket_broadcast": "broadcast_matches",
    "economy_transfer": "wallets",
    "certificate_upload": "registrations",
}
TOP_KEYS = (
    "url",
    "health",
    "headers",
    "verify_tls",
    "ca_file",
    "throttled",
    "login",
    "pools",
    "steps",
    "feed",
    "absent",
)
FEED_KEYS = (
    "path",
    "origin",
    "headers",
    "ready_type",
    "event_type",
    "key_path",
    "score1",
    "score2",
    "updated_at",
)
# Each is a thread of every user.
MOST_TOGETHER = 16
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class Step:
    """One request. `conflict_if` lists (status, text of the body) that mean a clean refusal, as `conflict` does.

    `id` is the dotted path of the new row's id in the answer, `link` that of a link to follow, `score1`, `score2` and
    `updated_at` those of a match's state; `user` is the user pool's row (by number) that asks if the step itself names
    nobody. So many requests for one row start `together`, of which one may be accepted.
    """

    method: str
    path: str
    body: Json
    form: Mapping[str, str]
    headers: Mapping[str, str]
    expect: tuple[int, ...]
    conflict: tuple[int, ...]
    conflict_if: tuple[tuple[int, str], ...]
    id: str
    link: str
    user: int
    together: int
    score1: str
    score2: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class FeedMapping:
    """The WebSocket; an `origin` of "" is the host itself. `event` says where an event has a match's state."""

    path: str
    origin: str
    headers: Mapping[str, str]
    ready_type: str
    event_type: str
    key_path: str
    event: EventPaths


@dataclass(frozen=True, slots=True)
class TargetMapping:
    """A platform as its mapping describes it. `absent` says why a step is not there; `folder` has its files.

    `login` and `pools` are tables that `login.py` and `pools.py` read.
    """

    source: str
    folder: str
    health: str
    headers: Mapping[str, str]
    tls: Tls
    throttled: tuple[int, ...]
    login: Table = field(repr=False)
    pools: Mapping[str, Table]
    steps: Mapping[str, Step]
    feed: FeedMapping | None
    absent: Mapping[str, str]

    def why_absent(self, step: str) -> str:
        """Return why a step is not there, "" if it is."""
        if step in self.steps or (step == "feed" and self.feed):
            return ""
        return self.absent.get(step, "not in the mapping")

    def why_unasked(self, step: str) -> str:
        """Return why a step cannot be asked, "" if it can: it is not there, or has no rows."""
        pool = POOL_OF_STEP.get(step)
        missing = f"there is no [target.pools.{pool}]" if pool and pool not in self.pools else ""
        return self.why_absent(step) or missing

    def skipped(self, scenarios: Collection[str]) -> dict[str, str]:
        """Return those of our scenarios that cannot be played against this target, with the reason."""
        reasons = {
            scenario: [
                f"it has no {step}: {why}" for step in NEEDED[scenario] if (why := self.why_absent(step))
            ]
            or [f"there is no [target.pools.{pool}]" for pool in {_POOLS[scenario]} - set(self.pools)]
            for scenario in scenarios
        }
        return {scenario: "; ".join(why) for scenario, why in reasons.items() if why}


def load_mapping(path: Path) -> TargetMapping | None:
    """Read the [target] of a file; None if it has none, or one without steps and a feed.

    Raises UsageError naming file, key and value.
    """
    table = read_target(path)
    if table is None or not {"steps", "feed"} & set(table):
        return None
    return parse_mapping(table, str(path), path.parent)


def parse_mapping(table: Table, source: str, folder: Path) -> TargetMapping:
    """Return the mapping of a [target] table; see `load_mapping`."""
    where = f"{source}: [target]"
    table_of(table, where, TOP_KEYS)
    absent = texts_in(table, "absent", where)
    table_of(absent, f"{source}: [target.absent]", (*STEPS, "feed"))
    steps = table_of(table.get("steps", {}), f"{source}: [target.steps]", STEPS)
    if both := sorted({*absent} & {*steps}):
        raise tg.UsageError(
            f"{source}: [target.absent] denies {both[0]}, and [target.steps.{both[0]}] has it"
        )
    return TargetMapping(
        source=source,
        folder=str(folder),
        health=text_in(table, "health"),
        headers=texts_in(table, "headers", where),
        tls=tls_in(table, folder, where),
        throttled=statuses_in(table, "throttled", (429,), where),
        login=table_of(table.get("login", {}), f"{source}: [target.login]"),
        pools=tables_in(table, "pools", f"{source}: [target.pools]"),
        steps={name: _step(name, step, f"{source}: [target.steps.{name}]") for name, step in steps.items()},
        feed=_feed(table["feed"], f"{source}: [target.feed]") if "feed" in table else None,
        absent=absent,
    )


def _step(name: str, value: Json, where: str) -> Step:
    if not isinstance(value, dict):
        raise tg.UsageError(f"{where} is {value!r}; it is a table with method and path")
    table = table_of(value, where, (*STEP_KEYS, *KEYS_OF.get(name, ())))
    method, path = text_in(table, "method"), text_in(table, "path")
    if method not in METHODS:
        raise tg.UsageError(f"{where}: method is {method!r}; write one of {', '.join(METHODS)}")
    if not path.startswith("/"):
        raise tg.UsageError(f"{where}: path is {table.get('path')!r}; it begins with /, without the host")
    for place in places([table.get(key) for key in ("path", "body", "form", "headers")]):
        if place.partition(".")[0] not in _PLACES[name]:
            raise tg.UsageError(
                f"{where}: {{{place}}} stands for nothing here.{nearest(place, _PLACES[name])}"
            )
    return Step(
        method,
        path,
        table.get("body"),
        texts_in(table, "form", where),
        texts_in(table, "headers", where),
        statuses_in(table, "expect", (200,), where),
        statuses_in(table, "conflict", (), where),
        _conflict_if(table.get("conflict_if", []), where),
        text_in(table, "id", "id"),
        text_in(table, "link"),
        int(number_in(table, "user", 0, where)),
        _together(table, where),
        text_in(table, "score1", "participant1_score"),
        text_in(table, "score2", "participant2_score"),
        text_in(table, "updated_at", "updated_at"),
    )


def _together(table: Table, where: str) -> int:
    count = number_in(table, "together", 1, where)
    if not MOST_TOGETHER >= count >= 1:
        raise tg.UsageError(f"{where}: together is {count}; give a number from 1 to {MOST_TOGETHER}")
    return int(count)


def _conflict_if(value: Json, where: str) -> tuple[tuple[int, str], ...]:
    tables = [table_of(each, f"{where}: conflict_if", ("status", "contains")) for each in _list(value)]
    return tuple(
        (int(number_in(each, "status", 409, f"{where}: conflict_if")), text_in(each, "contains"))
        for each in tables
    )


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]


def _feed(value: Json, where: str) -> FeedMapping:
    table = table_of(value, where, FEED_KEYS)
    return FeedMapping(
        text_in(table, "path"),
        text_in(table, "origin"),
        texts_in(table, "headers", where),
        text_in(table, "ready_type", "connection_established"),
        text_in(table, "event_type", "score_updated"),
        text_in(table, "key_path", "data.match_id"),
        EventPaths(**{name: text_in(table, name, default) for name, default in asdict(EventPaths()).items()}),
    )

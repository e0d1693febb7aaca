"""A mapping: the request of each step at your platform, its user, and its data. Read from TOML [target].

docs/examples/deltacrown-mapping.toml has every part of it, explained.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal  # Any: a body is whatever JSON knows

from msgspec import Meta
from msgspec.structs import asdict

import tailguard as tg
from perf.offer import EventPaths
from perf.platform import NEEDED
from tailguard.http import Login, Method, RowsTable, Status, Table, Tls, convert, login_in, places, tls_in
from tailguard.kit import read_toml

# The values that each step has for its places.
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
Absent = Literal["register", "submit", "match_scores", "transfer", "upload", "presigned_read", "feed"]
_EVENT = EventPaths()


class Refusal(Table, frozen=True):
    """A status with this text in its body is a clean refusal."""

    contains: str
    status: Status = 409


class Step(Table, frozen=True):
    """One request. `user` is the user pool's row (by number) that asks if the step itself names nobody."""

    method: Method
    path: Annotated[str, Meta(pattern="^/")]
    body: Any = None
    form: dict[str, str] = {}
    headers: dict[str, str] = {}
    expect: tuple[Status, ...] = (200,)
    conflict: tuple[Status, ...] = ()
    conflict_if: tuple[Refusal, ...] = ()
    user: Annotated[int, Meta(ge=0)] = 0


class Submit(Step, frozen=True):
    """This number of requests for a match start `together`, each in its own thread; one of them may be accepted."""

    together: Annotated[int, Meta(ge=1, le=16)] = 1


class MatchState(Step, frozen=True):
    """Dotted paths of a match's state in the answer."""

    score1: str = "participant1_score"
    score2: str = "participant2_score"
    updated_at: str = "updated_at"


class Upload(Step, frozen=True):
    """`id` is the dotted path of the new certificate's id in the answer."""

    id: str = "id"


class Read(Step, frozen=True):
    """`link` is the dotted path of a link to follow; without one the answer is the certificate."""

    link: str = ""


class Steps(Table, frozen=True):
    """[target.steps]."""

    register: Step | None = None
    submit: Submit | None = None
    match_scores: MatchState | None = None
    transfer: Step | None = None
    upload: Upload | None = None
    presigned_read: Read | None = None

    def stated(self) -> dict[str, Step]:
        """Return those that are there, by name."""
        return {name: step for name, step in asdict(self).items() if step}


class FeedMapping(Table, frozen=True):
    """[target.feed]: the WebSocket; an `origin` of "" is the host itself. The last three are a match's state."""

    path: str
    origin: str = ""
    headers: dict[str, str] = {}
    ready_type: str = "connection_established"
    event_type: str = "score_updated"
    key_path: str = "data.match_id"
    score1: str = _EVENT.score1
    score2: str = _EVENT.score2
    updated_at: str = _EVENT.updated_at


class PoolTable(RowsTable, frozen=True):
    """[target.pools.NAME]."""

    use: Literal["once", "cycle"] = "cycle"


class Pools(Table, frozen=True):
    """[target.pools]."""

    users: PoolTable | None = None
    tournaments: PoolTable | None = None
    full_tournaments: PoolTable | None = None
    matches: PoolTable | None = None
    broadcast_matches: PoolTable | None = None
    wallets: PoolTable | None = None
    registrations: PoolTable | None = None

    def stated(self) -> dict[str, PoolTable]:
        """Return those that are there, by name."""
        return {name: pool for name, pool in asdict(self).items() if pool}


class TopTable(Table, frozen=True):
    """The keys of [target] itself. `absent` says why a step is not there."""

    url: str = ""
    health: str = ""
    headers: dict[str, str] = {}
    verify_tls: bool = True
    ca_file: str = ""
    throttled: tuple[Status, ...] = (429,)
    absent: dict[Absent, str] = {}


@dataclass(frozen=True, slots=True)
class TargetMapping:
    """A platform as its mapping describes it; `folder` has its files. The log-in's secrets are not filled in yet."""

    source: str
    folder: str
    top: TopTable
    tls: Tls
    login: Login | None
    pools: Mapping[str, PoolTable]
    steps: Steps
    feed: FeedMapping | None

    def why_absent(self, step: str) -> str:
        """Return why a step is not there, "" if it is."""
        if step in self.steps.stated() or (step == "feed" and self.feed):
            return ""
        return next((why for name, why in self.top.absent.items() if name == step), "not in the mapping")

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

    Raises UsageError naming file, table and key.
    """
    table = read_toml(path)[0].get("target")
    if not isinstance(table, dict) or not {"steps", "feed"} & set(table):
        return None
    inner = {name: table.pop(name, None) for name in ("login", "pools", "steps", "feed")}
    where = {name: f"{path}: [target.{name}]" for name in inner}
    top = convert(table, TopTable, f"{path}: [target]")
    steps = convert(inner["steps"] or {}, Steps, where["steps"])
    if both := sorted({*top.absent} & {*steps.stated()}):
        raise tg.UsageError(f"{path}: [target.absent] denies {both[0]}, and [target.steps.{both[0]}] has it")
    for name, step in steps.stated().items():
        _check_places(name, step, f"{path}: [target.steps.{name}]")
    return TargetMapping(
        str(path),
        str(path.parent),
        top,
        tls_in(table, path.parent, f"{path}: [target]"),
        None if inner["login"] is None else login_in(inner["login"], where["login"]),
        convert(inner["pools"] or {}, Pools, where["pools"]).stated(),
        steps,
        None if inner["feed"] is None else convert(inner["feed"], FeedMapping, where["feed"]),
    )


def _check_places(name: str, step: Step, where: str) -> None:
    for place in places([step.path, step.body, step.form, step.headers]):
        if place.partition(".")[0] not in _PLACES[name]:
            known = ", ".join(sorted(_PLACES[name]))
            raise tg.UsageError(f"{where}: {{{place}}} stands for nothing here. Known: {known}.")

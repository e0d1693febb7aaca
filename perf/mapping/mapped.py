"""An adapter for your platform, as its mapping describes it."""

import http.client
import urllib.parse
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from perf.adapters.http import Entry, Note, StoredCertificate, SubmittedResult
from perf.mapping.pools import MATCHES, Pool, Row
from perf.mapping.target import Step, TargetMapping
from perf.platform import MatchScores, RefusedError, RowId
from tailguard.http import Answered, Credential, Exchange, fill, fill_text, fill_texts
from tailguard.websocket import Feed, at_path

T = TypeVar("T")
# What a place of a text stands for: a value, or a pool's row.
Values: TypeAlias = Mapping[str, RowId | Row]
_NOBODY = Credential({})


class UnexpectedStatusError(Exception):
    """Base of the kinds that a wrong status makes; each status has its own, so that a 404 is not a 500."""

    status: int


class PoolExhaustedError(Exception):
    """A pool whose rows may be used once has none left."""


class AcceptedFullError(Exception):
    """A tournament that is full by its pool took somebody in."""


class AnswerFieldError(Exception):
    """An answer lacks a field that the mapping names, or has something else there."""


class Throttled(Exception):  # noqa: N818  # named as the answer reads, like reference.errors.Throttled
    """The target's limiter answered, not the target."""


class _Reason(msgspec.Struct, frozen=True):
    """What tells one refusal of a status from another."""

    code: str = ""


class Tried(msgspec.Struct, frozen=True):
    """How often the target tried again, if it tells that."""

    retries: int = 0


class MappedPlatform:
    """Asks a target's own routes; `credentials` are those of the pool of users, by row.

    `note` is told of a target that throttles, and of a pool that ran out.
    """

    def __init__(
        self,
        mapping: TargetMapping,
        host: str,
        pools: Mapping[str, Pool],
        credentials: Sequence[Credential],
        connections: Exchange,
        note: Note,
    ) -> None:
        self._mapping, self._base = mapping, urlsplit(host)
        self._pools, self._credentials = pools, credentials
        self._connections, self._note = connections, note
        self._rows = {name: pool.by_id() for name, pool in pools.items()}
        self._steps = mapping.steps.stated()
        together = mapping.steps.submit.together if mapping.steps.submit else 1
        self._left = {
            name: Counter({row["id"]: together if name in MATCHES else 1 for row in pool.rows})
            for name, pool in pools.items()
            if pool.once
        }

    def use(self, credentials: Sequence[Credential]) -> None:
        """Use these credentials from now on."""
        self._credentials = credentials

    def register(self, tournament_id: RowId, user_id: int) -> Entry:
        """Let a user join a tournament. The answer's body is not read."""
        if "users" in self._left:
            self._take("users", self._user(user_id)["id"])
        tournament = self._row("tournaments", tournament_id) or self._row("full_tournaments", tournament_id)
        self._ask("register", {"tournament": tournament}, user=user_id)
        if tournament_id in self._rows.get("full_tournaments", {}):
            raise AcceptedFullError(
                f"tournament {tournament_id} is full by [target.pools.full_tournaments], and took user {user_id} in"
            )
        return Entry(user_id)

    def submit_result(
        self, match_id: RowId, user_id: int, score1: int, score2: int, version: int | None = None
    ) -> SubmittedResult:
        """Record a result. Your platform has no versions of matches, so none is sent."""
        pool = self._pool_of(match_id)
        self._take(pool, match_id)
        match = self._row(pool, match_id)
        self._ask("submit", {"match": match, "score1": score1, "score2": score2}, user=user_id)
        return SubmittedResult()

    def match_scores(self, match_id: RowId) -> MatchScores:
        """Read a match as committed."""
        match = self._row(self._pool_of(match_id), match_id)
        step, answer = self._mapping.steps.match_scores, self._ask("match_scores", {"match": match})
        assert step is not None, "it was asked"
        return MatchScores(
            _field("match_scores", answer, "score1", step.score1, int),
            _field("match_scores", answer, "score2", step.score2, int),
            _field("match_scores", answer, "updated_at", step.updated_at, datetime | None),
        )

    def transfer(self, from_wallet: RowId, to_wallet: RowId, amount: int, key: str) -> Tried:
        """Move coins once."""
        values: Values = {
            "from_wallet": self._row("wallets", from_wallet),
            "to_wallet": self._row("wallets", to_wallet),
            "amount": amount,
            "key": key,
        }
        return _told(self._ask("transfer", values))

    def upload_certificate(self, registration_id: RowId, body: bytes, kind: str) -> StoredCertificate:
        """Store a rendered certificate."""
        values: Values = {"registration": self._row("registrations", registration_id), "kind": kind}
        answer = self._ask("upload", values, raw=body)
        step = self._mapping.steps.upload
        assert step is not None, "it was asked"
        identity: RowId = _field("upload", answer, "id", step.id, RowId)
        return StoredCertificate(identity, retries=_told(answer).retries)

    def read_presigned(self, certificate_id: RowId) -> bytes:
        """Read a certificate, through the link of the answer if the mapping names one."""
        content = self._ask("presigned_read", {"certificate": certificate_id})
        step = self._mapping.steps.presigned_read
        if step is None or not step.link:
            return content
        link = urlsplit(_field("presigned_read", content, "link", step.link, str))
        status, headers, body = self._connections.exchange(link, "GET", f"{link.path}?{link.query}", None, {})
        if status != http.client.OK:
            raise self._unexpected(Answered("presigned_read link", status, headers, body))
        return body

    def feed(self, tournament_id: RowId) -> Feed:
        """Say where subscribers of a tournament connect."""
        feed, token = self._mapping.feed, self._credential(0).token
        assert feed is not None, "a scenario that needs the feed is skipped without one"
        values: Values = {"tournament": {"id": tournament_id}, "token": quote(token)}
        scheme = "wss" if self._base.scheme == "https" else "ws"
        return Feed(
            f"{scheme}://{self._base.netloc}{fill_text(feed.path, values)}",
            {"Origin": feed.origin or f"{self._base.scheme}://{self._base.netloc}", **feed.headers},
            ready_type=feed.ready_type,
            event_type=feed.event_type,
            key_path=feed.key_path,
            secret=token,
        )

    def _ask(self, name: str, values: Values, *, user: int | None = None, raw: bytes | None = None) -> bytes:
        """Send the request of a step as that user (by row) and return the body, or raise by the answer's status."""
        step = self._steps[name]
        number = step.user if user is None else user
        values = {**values, "user": self._user(number)}
        headers = {**self._mapping.top.headers, **self._credential(number).headers}
        body, kind = _body(step, raw, values)
        if kind:
            headers["Content-Type"] = kind
        headers |= fill_texts(step.headers, values)
        path = fill_text(step.path, {key: _quoted(value) for key, value in values.items()})
        status, answered, content = self._connections.exchange(self._base, step.method, path, body, headers)
        if status not in step.expect:
            self._refuse(name, status, answered, content)
        return content

    def _refuse(self, name: str, status: int, answered: http.client.HTTPMessage, content: bytes) -> None:
        step = self._steps[name]
        if status in self._mapping.top.throttled:
            limit = answered.get("Retry-After") or answered.get("X-RateLimit-Reset") or "?"
            why = (
                f"the target throttles us: {name} answered {status}, Retry-After {limit} s; "
                "lift its rate (DeltaCrown's THROTTLE_..._RATE), or spread the load over more users"
            )
            self._note("throttled", why)
            raise Throttled(why)
        told = Answered(f"{name} ({step.method} {step.path})", status, answered, content)
        text = content.decode("utf-8", "replace")
        if status in step.conflict or any(
            status == each.status and each.contains in text for each in step.conflict_if
        ):
            raise RefusedError(told, _reason(status, content))
        raise self._unexpected(told)

    @staticmethod
    def _unexpected(told: Answered) -> UnexpectedStatusError:
        # Named by its status: a failure is counted by its class, and 404s are another matter than 500s.
        name, of_kind = f"Status{told.status}", {"status": told.status}
        kind: type[UnexpectedStatusError] = type(name, (UnexpectedStatusError,), of_kind)
        return kind(told)

    def _pool_of(self, match_id: RowId) -> str:
        return "matches" if match_id in self._rows.get("matches", {}) else "broadcast_matches"

    def _take(self, pool: str, row_id: RowId) -> None:
        left = self._left.get(pool)
        if left is None:
            return
        if not left[row_id]:
            why = f"pool {pool}: row {row_id} may be used once and came again; give it more rows"
            self._note("pool_exhausted", why)
            raise PoolExhaustedError(why)
        left[row_id] -= 1

    def _user(self, number: int) -> Row:
        users = self._pools.get("users")
        return users.rows[number] if users else {"id": number}

    def _credential(self, number: int) -> Credential:
        return self._credentials[number] if number < len(self._credentials) else _NOBODY

    def _row(self, pool: str, row_id: RowId) -> Row:
        return self._rows.get(pool, {}).get(row_id, {})


def _reason(status: int, content: bytes) -> str:
    """Return the status, and the answer's code for machines if it has one: "409.ALREADY_REGISTERED"."""
    try:
        code = msgspec.json.decode(content, type=_Reason).code
    except msgspec.DecodeError:  # not JSON, or of another shape
        code = ""
    return f"{status}.{code}" if code else str(status)


def _told(answer: bytes) -> Tried:
    """Return what an answer tells of retries; one that is not a JSON object tells nothing."""
    try:
        return msgspec.json.decode(answer, type=Tried)
    except msgspec.DecodeError:
        return Tried()


def _field(step: str, answer: bytes, key: str, path: str, kind: Any) -> Any:
    """Return the value that a step's answer has at a path. Raises AnswerFieldError naming the key that says so."""
    try:
        return msgspec.convert(at_path(msgspec.json.decode(answer), path), kind)
    except msgspec.DecodeError as error:  # not JSON, or a value of another kind
        raise AnswerFieldError(
            f"{step}: its answer has no {path!r} as expected ({error}): say where with {key} = in [target.steps.{step}]"
        ) from None


def _body(step: Step, raw: bytes | None, values: Values) -> tuple[bytes | None, str]:
    if step.form:
        return urllib.parse.urlencode(
            fill_texts(step.form, values)
        ).encode(), "application/x-www-form-urlencoded"
    if step.body == "{body}" or (step.body is None and raw is not None):
        return raw, "image/svg+xml"
    if step.body is not None:
        return msgspec.json.encode(fill(step.body, values)), "application/json"
    return None, ""


def _quoted(value: RowId | Row) -> RowId | Row:
    """Return a value as a path may hold it."""
    if isinstance(value, Mapping):
        return {name: quote(str(item), safe="") for name, item in value.items()}
    return quote(str(value), safe="")

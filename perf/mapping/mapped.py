"""The port onto a platform of yours, as its mapping describes it."""

import json
import urllib.parse
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from perf.http import SubmittedResult, UploadedCertificate
from perf.mapping.pools import Pool
from perf.mapping.target import OPTIONAL, Step, Target, tls_of
from perf.mapping.template import fill
from perf.platform import MatchScores, RefusedError
from tailguard.base.errors import UsageError
from tailguard.http.connections import Exchange, HttpConnections
from tailguard.http.remote_target import Credential
from tailguard.websocket.messages import Feed

_NOBODY = Credential(headers={}, token="")


class UnexpectedStatusError(Exception):
    """Base of the kinds that a wrong status makes; each status has its own, so that a 404 is not a 500."""


class PoolExhaustedError(Exception):
    """A pool whose rows may be used once has none left."""


class MappedPlatform:
    """Asks a target's own routes, with the `credentials` of the moment.

    `lacks` names the optional methods that the target has none for.

    `throttled` says that the target has answered as one that throttles; `exhausted` which pool ran out.
    """

    def __init__(
        self,
        target: Target,
        host: str,
        pools: Mapping[str, Pool],
        credentials: Sequence[Credential],
        connections: Exchange | None = None,
    ) -> None:
        """Speak to `host`; `credentials` are those of the pool of users, by row."""
        self._target, self._base, self._host = target, urlsplit(host), host
        self._pools, self.credentials = pools, credentials
        self._connections = connections or HttpConnections(tls_of(target))
        self._rows = {name: pool.by_id() for name, pool in pools.items()}
        self._left = {name: {row["id"] for row in pool.rows} for name, pool in pools.items() if pool.once}
        self.lacks = frozenset(OPTIONAL) - set(target.steps)
        self.throttled = self.exhausted = ""

    def register(self, tournament_id: Any, user_id: int) -> Mapping[str, Any]:
        """Let a user join a tournament."""
        if self._left.get("users") is not None:
            self._take("users", self._user(user_id)["id"])
        tournament = self._row("tournaments", tournament_id) or self._row("full_tournaments", tournament_id)
        return self._answer("register", user_id, tournament=tournament)

    def submit_result(
        self, match_id: Any, user_id: int, score1: int, score2: int, version: int | None = None
    ) -> SubmittedResult:
        """Record a result. A target of yours keeps no version for us, so none is stated."""
        pool = "matches" if match_id in self._rows.get("matches", {}) else "broadcast_matches"
        self._take(pool, match_id)
        match = self._row(pool, match_id)
        self._answer("submit", user_id, match=match, score1=score1, score2=score2)
        return SubmittedResult(None)

    def match_scores(self, match_id: Any) -> MatchScores:
        """Read a match as committed."""
        pool = "matches" if match_id in self._rows.get("matches", {}) else "broadcast_matches"
        match = self._answer("match_scores", None, match=self._row(pool, match_id))
        updated = match.get("updated_at")
        at = datetime.fromisoformat(updated) if updated else None
        return MatchScores(match["participant1_score"], match["participant2_score"], at)

    def transfer(self, from_wallet: Any, to_wallet: Any, amount: int, key: str) -> Mapping[str, Any]:
        """Move coins once."""
        wallets = self._row("wallets", from_wallet), self._row("wallets", to_wallet)
        return self._answer(
            "transfer", None, from_wallet=wallets[0], to_wallet=wallets[1], amount=amount, key=key
        )

    def upload_certificate(self, registration_id: Any, body: bytes, kind: str) -> UploadedCertificate:
        """Store a rendered certificate."""
        registration = self._row("registrations", registration_id)
        stored = self._answer("upload", None, raw=body, registration=registration, kind=kind)
        return UploadedCertificate(
            stored[self._target.steps["upload"].id], stored.get("sha256", ""), stored.get("retries", 0)
        )

    def read_presigned(self, certificate_id: Any) -> bytes:
        """Read a certificate, through the link of the answer if the mapping names one."""
        step = self._target.steps["presigned_read"]
        content = self._ask("presigned_read", None, None, {"certificate": certificate_id})
        if not step.link:
            return content
        link = urlsplit(json.loads(content)[step.link])
        status, _, body = self._connections.exchange(link, "GET", f"{link.path}?{link.query}", None, {})
        if status != 200:  # noqa: PLR2004  # HTTP's own word for "here it is"
            raise self._unexpected("presigned_read link", status)
        return body

    def wallet_history(self, wallet_id: Any) -> Sequence[Any]:
        """No scenario asks a target of yours for it."""
        raise NotImplementedError(f"wallet {wallet_id}: a mapping has no wallet history")

    def moderation_history(self, ref_id: str) -> Sequence[Any]:
        """No scenario asks a target of yours for it."""
        raise NotImplementedError(f"reference {ref_id}: a mapping has no moderation history")

    def feed(self, tournament_id: Any) -> Feed:
        """Say where subscribers of a tournament connect."""
        feed = self._target.feed
        token = self._credential(0).token
        values = {"tournament": {"id": tournament_id}, "token": quote(token)}
        scheme = "wss" if self._base.scheme == "https" else "ws"
        origin = feed.get("origin") or f"{self._base.scheme}://{self._base.netloc}"
        return Feed(
            f"{scheme}://{self._base.netloc}{fill(feed['path'], values)}",
            {"Origin": origin, **feed.get("headers", {})},
            ready_type=feed.get("ready_type", "connection_established"),
            event_type=feed.get("event_type", "score_updated"),
            key_path=feed.get("key_path", "data.match_id"),
            secret=token,
        )

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def _answer(
        self, name: str, user: int | None, *, raw: bytes | None = None, **values: Any
    ) -> Mapping[str, Any]:
        content = self._ask(name, user, raw, values)
        answer = json.loads(content) if content.strip() else {}
        return answer if isinstance(answer, dict) else {"answer": answer}

    def _ask(self, name: str, user: int | None, raw: bytes | None, values: dict[str, Any]) -> bytes:
        """Send the request of a step as that user (by row) and return the body, or raise by the answer's status."""
        if name not in self._target.steps:
            raise UsageError(
                f"this target has no {name}: {self._target.absent.get(name, 'it is not in the mapping')}"
            )
        step = self._target.steps[name]
        number = step.user if user is None else user
        values["user"] = self._user(number)
        headers = {**self._target.headers, **self._credential(number).headers}
        body, kind = _body(step, raw, values)
        if kind:
            headers["Content-Type"] = kind
        headers |= fill(step.headers, values)
        quoted = {key: _quoted(value) for key, value in values.items()}
        status, answered, content = self._connections.exchange(
            self._base, step.method, fill(step.path, quoted), body, headers
        )
        if status not in step.expect:
            self._refuse(name, step, status, answered, content)
        return content

    def _refuse(self, name: str, step: Step, status: int, answered: Any, content: bytes) -> None:
        if status in self._target.throttled:
            limit = answered.get("Retry-After") or answered.get("X-RateLimit-Reset") or "?"
            self.throttled = (
                f"the target throttles us: {name} answered {status}, Retry-After {limit} s; "
                "lift its rate (DeltaCrown's THROTTLE_..._RATE), or spread the load over more users"
            )
            raise Throttled(self.throttled)
        text = content.decode("utf-8", "replace")
        if status in step.conflict or any(status == code and part in text for code, part in step.conflict_if):
            raise RefusedError(f"{name} answered {status}")
        raise self._unexpected(f"{name} ({step.method} {step.path})", status)

    @staticmethod
    def _unexpected(name: str, status: int) -> UnexpectedStatusError:
        # Named by its status: a failure is counted by its class, and 404s are another matter than 500s.
        kind: type[UnexpectedStatusError] = type(f"Status{status}", (UnexpectedStatusError,), {})
        return kind(f"{name} answered {status}")

    def _take(self, pool: str, row_id: Any) -> None:
        left = self._left.get(pool)
        if left is None:
            return
        if row_id not in left:
            self.exhausted = f"pool {pool}: row {row_id} may be used once and came again; give it more rows"
            raise PoolExhaustedError(self.exhausted)
        left.discard(row_id)

    def _user(self, number: int) -> Mapping[str, Any]:
        users = self._pools.get("users")
        return users.rows[number] if users else {"id": number}

    def _credential(self, number: int) -> Credential:
        return self.credentials[number] if number < len(self.credentials) else _NOBODY

    def _row(self, pool: str, row_id: Any) -> Mapping[str, Any]:
        return self._rows.get(pool, {}).get(row_id, {})


class Throttled(Exception):  # noqa: N818  # named as the answer reads, like reference.errors.Throttled
    """The target's limiter answered, not the target."""


def _body(step: Step, raw: bytes | None, values: Mapping[str, Any]) -> tuple[bytes | None, str]:
    if step.form is not None:
        return urllib.parse.urlencode(fill(step.form, values)).encode(), "application/x-www-form-urlencoded"
    if step.body == "{body}" or (step.body is None and raw is not None):
        return raw, "image/svg+xml"
    if step.body is not None:
        return json.dumps(fill(step.body, values)).encode(), "application/json"
    return None, ""


def _quoted(value: Any) -> Any:
    """Return a value as a path may hold it."""
    if isinstance(value, Mapping):
        return {name: quote(str(item), safe="") for name, item in value.items()}
    return quote(str(value), safe="")

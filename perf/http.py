"""The platform over HTTP: the same journeys against `tailguard serve`, or a server that speaks its contract.

Each thread keeps its own connections. Tokens are had before the clock starts (`Tokens.prepare`): a log-in costs the
platform some 200 ms, as much as ten of the steps that are measured.
"""

import http.client
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from perf.platform import MatchScores
from perf.refusals import refusal
from tailguard.http.connections import Exchange, HttpConnections
from tailguard.websocket.messages import Feed

RENEW_AFTER_S = 50 * 60  # access tokens last 60 minutes


@dataclass(frozen=True, slots=True)
class SubmittedResult:
    """A recorded result; `version` is None if the target does not tell it."""

    version: int | None


@dataclass(frozen=True, slots=True)
class UploadedCertificate:
    """A stored certificate."""

    id: int
    sha256: str
    retries: int


class Tokens:
    """Access tokens by user, from a function that mints or fetches one; renewed before they expire."""

    def __init__(self, obtain: Callable[[int], str], now_s: Callable[[], float] = time.monotonic) -> None:
        """`obtain(user_id)` gives an access token, for example reference.tokens.Tokens(secret).mint."""
        self._obtain, self._now_s = obtain, now_s
        self._kept: dict[int, tuple[str, float]] = {}

    def prepare(self, user_ids: Iterable[int]) -> None:
        """Obtain the tokens of all these users now."""
        for user_id in user_ids:
            self.of(user_id)

    def of(self, user_id: int) -> str:
        """Return a user's token."""
        token, obtained_s = self._kept.get(user_id, ("", -RENEW_AFTER_S))
        now_s = self._now_s()
        if not token or now_s - obtained_s >= RENEW_AFTER_S:
            token = self._obtain(user_id)
            self._kept[user_id] = token, now_s
        return token


class HttpPlatform:
    """The port over HTTP. `staff` may act for every wallet and certificate; `spectator` is whom subscribers come as.

    `throttled` says which rate of the target to lift, once it has answered 429: then its limiter was measured.
    """

    def __init__(
        self, url: str, tokens: Tokens, *, staff: int, spectator: int, connections: Exchange | None = None
    ) -> None:
        """Speak to the server at `url` (http or https, with host and port), through `connections` if they are given."""
        self._base = urlsplit(url)
        self._tokens, self._staff, self._spectator = tokens, staff, spectator
        self._connections = connections or HttpConnections()
        self.throttled = ""

    def register(self, tournament_id: int, user_id: int) -> Mapping[str, Any]:
        """Let a user join a tournament."""
        answer: Mapping[str, Any] = self._post(
            "/api/tournaments/registrations/solo/", {"tournament_id": tournament_id}, user_id
        )
        return answer

    def submit_result(
        self, match_id: int, user_id: int, score1: int, score2: int, version: int | None = None
    ) -> SubmittedResult:
        """Record a result; a version is stated only if the caller knows one."""
        body = {"participant1_score": score1, "participant2_score": score2}
        if version is not None:
            body["version"] = version
        answer = self._post(f"/api/tournaments/results/{match_id}/submit-result/", body, user_id)
        return SubmittedResult(answer.get("version"))

    def match_scores(self, match_id: int) -> MatchScores:
        """Read a match as committed. An addition of the reference implementation."""
        match = self._get(f"/api/tournaments/matches/{match_id}/")
        updated_at = match.get("updated_at")
        return MatchScores(
            match["participant1_score"],
            match["participant2_score"],
            datetime.fromisoformat(updated_at) if updated_at else None,
        )

    def transfer(self, from_wallet: int, to_wallet: int, amount: int, key: str) -> Mapping[str, Any]:
        """Move coins once. An addition of the reference implementation."""
        body = {
            "from_wallet": from_wallet,
            "to_wallet": to_wallet,
            "amount": amount,
            "idempotency_key": key,
        }
        answer: Mapping[str, Any] = self._post("/api/economy/transfers/", body, self._staff)
        return answer

    def upload_certificate(
        self, registration_id: int, body: bytes, kind: str = "participant"
    ) -> UploadedCertificate:
        """Store a rendered certificate. An addition of the reference implementation."""
        path = f"/api/tournaments/registrations/{registration_id}/certificate/?certificate_type={quote(kind)}"
        stored = self._send("POST", path, body, self._staff, "image/svg+xml")
        return UploadedCertificate(stored["id"], stored["sha256"], stored["retries"])

    def read_presigned(self, certificate_id: int) -> bytes:
        """Ask for a presigned link and fetch what it leads to."""
        link = self._get(f"/api/tournaments/certificates/{certificate_id}/url/")["url"]
        target = urlsplit(link)
        status, _, body = self._connections.exchange(target, "GET", f"{target.path}?{target.query}", None, {})
        if status != http.client.OK:
            raise OSError(f"the presigned link of certificate {certificate_id} answered {status}")
        return body

    def download_certificate(self, certificate_id: int) -> bytes:
        """Read a certificate through the platform, from wherever it has it."""
        path = f"/api/tournaments/certificates/{certificate_id}/"
        headers = {"Authorization": f"Bearer {self._tokens.of(self._staff)}"}
        status, _, body = self._connections.exchange(self._base, "GET", path, None, headers)
        if status != http.client.OK:
            raise OSError(f"the download of certificate {certificate_id} answered {status}")
        return body

    def wallet_history(self, wallet_id: int) -> Sequence[Any]:
        """Return the newest ledger rows of a wallet."""
        rows: Sequence[Any] = self._get(f"/api/economy/wallets/{wallet_id}/transactions/")["results"]
        return rows

    def moderation_history(self, ref_id: str) -> Sequence[Any]:
        """Return the newest moderation rows of a reference."""
        rows: Sequence[Any] = self._get(f"/api/moderation/{quote(ref_id, safe='')}/actions/")["results"]
        return rows

    def feed(self, tournament_id: int) -> Feed:
        """Say where subscribers of a tournament connect."""
        token = self._tokens.of(self._spectator)
        scheme = "wss" if self._base.scheme == "https" else "ws"
        return Feed(
            f"{scheme}://{self._base.netloc}/ws/tournament/{tournament_id}/?token={quote(token)}",
            {"Origin": f"{self._base.scheme}://{self._base.netloc}"},
            ready_type="connection_established",
            event_type="score_updated",
            key_path="data.match_id",
            secret=token,
        )

    def close(self) -> None:
        """Close the connections of all threads."""
        self._connections.close()

    def _post(self, path: str, body: Mapping[str, Any], user_id: int) -> Any:
        return self._send("POST", path, json.dumps(body).encode(), user_id, "application/json")

    def _get(self, path: str) -> Any:
        return self._send("GET", path, None, self._staff, None)

    def _send(
        self, method: str, path: str, body: bytes | None, user_id: int, content_type: str | None
    ) -> Any:
        headers = {"Authorization": f"Bearer {self._tokens.of(user_id)}"}
        if content_type is not None:
            headers["Content-Type"] = content_type
        status, answered, content = self._connections.exchange(self._base, method, path, body, headers)
        if status >= http.client.BAD_REQUEST:
            refused = refusal(method, path, status, answered, content)
            if status == http.client.TOO_MANY_REQUESTS:
                self.throttled = str(refused)
            raise refused
        return json.loads(content)

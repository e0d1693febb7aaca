"""The platform over HTTP: the same journeys against `tailguard serve`, or a server that speaks its contract.

Nobody logs in: that costs the platform some 200 ms, as much as ten of the steps that are measured. Tokens are signed
here, in 30 us.
"""

import http.client
import re
import time
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from perf.adapters.refusals import refusal
from perf.platform import MatchScores, RowId
from tailguard.http import Answered, Exchange
from tailguard.websocket import Feed

T = TypeVar("T")
Note = Callable[[str, str], None]

RENEW_AFTER_S = 50 * 60  # access tokens last 60 minutes
STAFF = 1  # the seed's first user may act for every wallet and certificate
_FALLBACKS = re.compile(
    rb'^cert_s3_operations_total\{operation="read",outcome="fallback"\} (\d+)', re.MULTILINE
)


class Entry(msgspec.Struct, frozen=True):
    """An answer to `register`."""

    user_id: int = msgspec.field(name="user")


class SubmittedResult(msgspec.Struct, frozen=True):
    """A recorded result; `version` is None if the target does not tell it."""

    version: int | None = None


class Moved(msgspec.Struct, frozen=True):
    """A finished transfer."""

    debit_id: int
    retries: int = 0


class StoredCertificate(msgspec.Struct, frozen=True):
    id: RowId
    sha256: str = ""
    retries: int = 0


class Link(msgspec.Struct, frozen=True):
    """Where a certificate can be read without a token."""

    url: str


class Tokens:
    """Access tokens by user, each signed once and again before it expires."""

    def __init__(self, obtain: Callable[[int], str], now_s: Callable[[], float] = time.monotonic) -> None:
        """`obtain(user_id)` gives an access token, for example reference.tokens.Tokens(secret).mint."""
        self._obtain, self._now_s = obtain, now_s
        self._kept: dict[int, tuple[str, float]] = {}

    def of(self, user_id: int) -> str:
        token, obtained_s = self._kept.get(user_id, ("", -RENEW_AFTER_S))
        now_s = self._now_s()
        if not token or now_s - obtained_s >= RENEW_AFTER_S:
            token = self._obtain(user_id)
            self._kept[user_id] = token, now_s
        return token


class HttpPlatform:
    """The reference platform's contract over HTTP. Subscribers come as the user `spectator`.

    Once the target has answered 429, its limiter was measured: `note` is told which rate to lift. At a server that
    others have used nobody knows its matches' versions: then none is stated (`states_versions`), and none told.
    """

    def __init__(
        self,
        url: str,
        tokens: Tokens,
        connections: Exchange,
        note: Note,
        *,
        spectator: int,
        states_versions: bool = True,
    ) -> None:
        """Speak to the server at `url` (http or https, with host and port)."""
        self._base = urlsplit(url)
        self._tokens, self._connections, self._note = tokens, connections, note
        self._spectator, self._states_versions = spectator, states_versions

    def register(self, tournament_id: RowId, user_id: int) -> Entry:
        """Let a user join a tournament."""
        path = "/api/tournaments/registrations/solo/"
        return self._post(path, {"tournament_id": tournament_id}, user_id, Entry)

    def submit_result(
        self, match_id: RowId, user_id: int, score1: int, score2: int, version: int | None
    ) -> SubmittedResult:
        """Record a result; a version is stated only if the caller knows one."""
        path = f"/api/tournaments/results/{match_id}/submit-result/"
        body: dict[str, RowId] = {"participant1_score": score1, "participant2_score": score2}
        if version is not None and self._states_versions:
            body["version"] = version
        submitted = self._post(path, body, user_id, SubmittedResult)
        return submitted if self._states_versions else SubmittedResult()

    def match_scores(self, match_id: RowId) -> MatchScores:
        """Read a match as committed. An addition of the reference implementation."""
        return self._get(f"/api/tournaments/matches/{match_id}/", MatchScores)

    def transfer(self, from_wallet: RowId, to_wallet: RowId, amount: int, key: str) -> Moved:
        """Move coins once. An addition of the reference implementation."""
        body: dict[str, RowId] = {
            "from_wallet": from_wallet,
            "to_wallet": to_wallet,
            "amount": amount,
            "idempotency_key": key,
        }
        return self._post("/api/economy/transfers/", body, STAFF, Moved)

    def upload_certificate(self, registration_id: RowId, body: bytes, kind: str) -> StoredCertificate:
        """Store a rendered certificate. An addition of the reference implementation."""
        path = f"/api/tournaments/registrations/{registration_id}/certificate/?certificate_type={quote(kind)}"
        stored = self._send("POST", path, body, STAFF, "image/svg+xml")
        return msgspec.json.decode(stored, type=StoredCertificate)

    def read_presigned(self, certificate_id: RowId) -> bytes:
        """Ask for a presigned link and fetch what it leads to."""
        link = self._get(f"/api/tournaments/certificates/{certificate_id}/url/", Link).url
        target = urlsplit(link)
        path = f"{target.path}?{target.query}"
        status, headers, body = self._connections.exchange(target, "GET", path, None, {})
        if status != http.client.OK:
            asked = f"the presigned link of certificate {certificate_id}"
            raise OSError(str(Answered(asked, status, headers, body)))
        return body

    def download_certificate(self, certificate_id: RowId) -> bytes:
        """Read a certificate through the platform, from wherever it has it."""
        return self._send("GET", f"/api/tournaments/certificates/{certificate_id}/", None, STAFF, None)

    def fallback_reads(self) -> int:
        """Return how many reads so far failed on S3 before the disk served them."""
        shown = _FALLBACKS.search(self._send("GET", "/metrics", None, STAFF, None))
        return int(shown[1]) if shown else 0

    def feed(self, tournament_id: RowId) -> Feed:
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

    def _post(self, path: str, body: dict[str, RowId], user_id: int, answer: type[T]) -> T:
        content = self._send("POST", path, msgspec.json.encode(body), user_id, "application/json")
        return msgspec.json.decode(content, type=answer)

    def _get(self, path: str, answer: type[T]) -> T:
        return msgspec.json.decode(self._send("GET", path, None, STAFF, None), type=answer)

    def _send(
        self, method: str, path: str, body: bytes | None, user_id: int, content_type: str | None
    ) -> bytes:
        headers = {"Authorization": f"Bearer {self._tokens.of(user_id)}"}
        if content_type is not None:
            headers["Content-Type"] = content_type
        status, answered, content = self._connections.exchange(self._base, method, path, body, headers)
        if status >= http.client.BAD_REQUEST:
            refused = refusal(method, path, status, answered, content)
            if status == http.client.TOO_MANY_REQUESTS:
                self._note("throttled", str(refused))
            raise refused
        return content

"""The platform called in-process, from the engine's worker threads: no HTTP between the clock and the database."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import urllib3

from perf.platform import MatchScores, Submitted, Uploaded
from reference.platform import DeltaCrown
from tailguard.websocket.messages import Feed

_SCORES = "SELECT participant1_score, participant2_score, updated_at FROM tournament_engine_match_match WHERE id = $1"
# A presigned read is one GET on loopback: what takes 10 s is lost to its reader.
READ_TIMEOUT_S = 10.0


class InProcessPlatform:
    """The reference platform behind the port. Its hub listens on loopback once somebody asks for a feed."""

    def __init__(self, deltacrown: DeltaCrown, spectator: int) -> None:
        """Serve `deltacrown`; `spectator` is the user that subscribers come as."""
        self._deltacrown, self._spectator = deltacrown, spectator
        self._listening = False
        # Kept connections, as a browser has them; as many as any profile has workers.
        self._http = urllib3.PoolManager(maxsize=32, retries=False, timeout=READ_TIMEOUT_S)
        self.register = deltacrown.register
        self.transfer = deltacrown.transfer

    def submit_result(
        self, match_id: int, user_id: int, score1: int, score2: int, version: int | None
    ) -> Submitted:
        """Record a result."""
        return self._deltacrown.submit_result(match_id, user_id, score1, score2, version)

    def match_scores(self, match_id: int) -> MatchScores:
        """Read a match as committed."""
        with self._deltacrown.database.connection() as connection:
            row = connection.row(_SCORES, match_id)
        assert row is not None, f"match {match_id} was seeded"
        return MatchScores(*row)

    def upload_certificate(self, registration_id: int, body: bytes, kind: str) -> Uploaded:
        """Store a rendered certificate and its row."""
        return self._deltacrown.upload_certificate(registration_id, body, kind)

    def read_presigned(self, certificate_id: int) -> bytes:
        """Fetch a certificate through a presigned URL."""
        answer = self._http.request("GET", self._deltacrown.certificate_url(certificate_id))
        if answer.status != 200:  # noqa: PLR2004  # HTTP's own word for "here it is"
            raise OSError(f"the presigned URL of certificate {certificate_id} answered {answer.status}")
        return answer.data

    def download_certificate(self, certificate_id: int) -> bytes:
        """Read a certificate through the platform, from wherever it has it."""
        return self._deltacrown.certificates.download(certificate_id)[1]

    def wallet_history(self, wallet_id: int) -> Sequence[Any]:
        """Return the newest ledger rows of a wallet."""
        return self._deltacrown.wallet_history(wallet_id).rows

    def moderation_history(self, ref_id: str) -> Sequence[Any]:
        """Return the newest moderation rows of a reference."""
        return self._deltacrown.moderation_history(ref_id).rows

    def feed(self, tournament_id: int) -> Feed:
        """Say where subscribers of a tournament connect."""
        if not self._listening:
            self._deltacrown.hub.start()
            self._listening = True
        token = self._deltacrown.tokens.mint(self._spectator)
        url = self._deltacrown.hub.url(tournament_id, token)
        return Feed(
            url,
            {"Origin": f"http://{urlsplit(url).netloc}"},
            ready_type="connection_established",
            event_type="score_updated",
            key_path="data.match_id",
            secret=token,
        )

    def close(self) -> None:
        """Hang up, then let go of the database."""
        self._http.clear()
        self._deltacrown.close()

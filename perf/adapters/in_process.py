"""The platform called in-process, from the engine's worker threads: no HTTP between the clock and the database."""

from urllib.parse import urlsplit

import urllib3

from perf.platform import MatchScores, RowId, Submitted
from reference.certificates import Certificate, Metrics
from reference.platform import DeltaCrown
from reference.registrations import Registration
from reference.transfers import Transfer
from tailguard.websocket import Feed

_SCORES = "SELECT participant1_score, participant2_score, updated_at FROM tournament_engine_match_match WHERE id = $1"
# A presigned read is one GET on loopback: what takes 10 s is lost to its reader.
READ_TIMEOUT_S = 10.0


class InProcessPlatform:
    """The reference platform by its methods. Its hub listens on loopback once somebody asks for a feed."""

    def __init__(self, deltacrown: DeltaCrown, metrics: Metrics, spectator: int) -> None:
        """Serve `deltacrown`, whose storage counts in `metrics`; `spectator` is the user that subscribers come as."""
        self._deltacrown, self._metrics, self._spectator = deltacrown, metrics, spectator
        self._listening = False
        # Kept connections, as a browser has them; as many as any profile has workers.
        self._http = urllib3.PoolManager(maxsize=32, retries=False, timeout=READ_TIMEOUT_S)

    def register(self, tournament_id: RowId, user_id: int) -> Registration:
        """Let a user join a tournament."""
        return self._deltacrown.register(int(tournament_id), user_id)

    def submit_result(
        self, match_id: RowId, user_id: int, score1: int, score2: int, version: int | None
    ) -> Submitted:
        """Record a result."""
        return self._deltacrown.submit_result(int(match_id), user_id, score1, score2, version)

    def match_scores(self, match_id: RowId) -> MatchScores:
        """Read a match as committed."""
        with self._deltacrown.database.connection() as connection:
            row = connection.row(_SCORES, int(match_id))
        assert row is not None, f"match {match_id} was seeded"
        return MatchScores(*row)

    def transfer(self, from_wallet: RowId, to_wallet: RowId, amount: int, key: str) -> Transfer:
        """Move coins once."""
        return self._deltacrown.transfer(int(from_wallet), int(to_wallet), amount, key)

    def upload_certificate(self, registration_id: RowId, body: bytes, kind: str) -> Certificate:
        """Store a rendered certificate and its row."""
        return self._deltacrown.upload_certificate(int(registration_id), body, kind)

    def read_presigned(self, certificate_id: RowId) -> bytes:
        """Fetch a certificate through a presigned URL."""
        answer = self._http.request("GET", self._deltacrown.certificate_url(int(certificate_id)))
        if answer.status != 200:  # noqa: PLR2004  # HTTP's own word for "here it is"
            raise OSError(f"the presigned URL of certificate {certificate_id} answered {answer.status}")
        return answer.data

    def download_certificate(self, certificate_id: RowId) -> bytes:
        """Read a certificate through the platform, from wherever it has it."""
        return self._deltacrown.certificates.download(int(certificate_id))[1]

    def fallback_reads(self) -> int:
        """Return how many reads so far failed on S3 before the disk served them."""
        return self._metrics.counts()["cert.s3.read.fallback"]

    def feed(self, tournament_id: RowId) -> Feed:
        """Say where subscribers of a tournament connect."""
        if not self._listening:
            self._deltacrown.hub.start()
            self._listening = True
        token = self._deltacrown.tokens.mint(self._spectator)
        url = self._deltacrown.hub.url(int(tournament_id), token)
        return Feed(
            url,
            {"Origin": f"http://{urlsplit(url).netloc}"},
            ready_type="connection_established",
            event_type="score_updated",
            key_path="data.match_id",
            secret=token,
        )

    def close(self) -> None:
        """Hang up."""
        self._http.clear()

"""The platform in one piece: the hot paths as plain methods, callable from any number of threads."""

from typing import Any

from reference.certificates import Certificate, Certificates, CertificateStorage
from reference.database import POOL_SIZE, Database
from reference.faults import Faults
from reference.histories import MODERATION_PAGE, WALLET_PAGE, Histories, LedgerEntry, ModerationAction, Page
from reference.hub import Hub
from reference.registrations import FREE, Payment, Registration, Registrations
from reference.results import MatchResult, Results
from reference.rooms import Rooms
from reference.tokens import Tokens
from reference.transfers import Transfer, Transfers


class DeltaCrown:
    """Wires the services to one database, one storage and one hub."""

    def __init__(
        self,
        conninfo: str,
        schema: str | None = None,
        *,
        storage: CertificateStorage | None = None,
        secret: str,
        faults: Faults | None = None,
        pool_size: int = POOL_SIZE,
        connections: str = "pool",
        worker: str | None = None,
    ) -> None:
        """Open the database; the hub starts with `hub.start()`. `secret` signs the access tokens.

        `connections` are had as `Database` says. `worker` names this process in the rows of what it stores.
        """
        faults = faults or Faults()
        self.faults = faults
        self.database = Database(conninfo, schema, size=pool_size, connections=connections)
        self.tokens = Tokens(secret)
        self.hub = Hub(self.tokens, Rooms(self.database).member)
        self.results = Results(self.database, faults, self._announce_score)
        self.certificates = Certificates(self.database, storage, worker)
        registrations = Registrations(self.database, faults)
        transfers, histories = Transfers(self.database, faults), Histories(self.database)
        self._register = faults.around("registration", registrations.register)
        self._transfer = faults.around("economy_transfer", transfers.transfer)
        self._issue = faults.around("certificate_upload", self.certificates.issue)
        self._url = faults.around("certificate_url", self.certificates.url)
        self._wallet_history = faults.around("wallet_history", histories.wallet)
        self._moderation_history = faults.around("moderation_history", histories.moderation)
        self._publish = faults.around("websocket_broadcast", self.hub.publish)

    def register(self, tournament_id: int, user_id: int, payment: Payment = FREE) -> Registration:
        """Enter a user into a tournament. Raises NotFound, Invalid, Conflict."""
        return self._register(tournament_id, user_id, payment)

    def submit_result(
        self, match_id: int, user_id: int, score1: int, score2: int, version: int | None = None
    ) -> MatchResult:
        """Submit a match's result; its `score_updated` is published after the commit. Raises as Results.submit."""
        return self.results.submit(match_id, user_id, score1, score2, version)

    def confirm_result(self, match_id: int, user_id: int) -> MatchResult:
        """Complete a match and publish `match_completed`. Raises NotFound, Forbidden, Conflict."""
        result = self.results.confirm(match_id, user_id)
        self.publish(result.tournament_id, {"type": "match_completed", "data": _event_data(result)})
        return result

    def transfer(
        self, from_wallet: int, to_wallet: int, amount: int, key: str, reason: str = "p2p"
    ) -> Transfer:
        """Move coins once per key. Raises Invalid, NotFound, InsufficientFunds, Conflict, Unavailable."""
        return self._transfer(from_wallet, to_wallet, amount, key, reason)

    def upload_certificate(self, registration_id: int, body: bytes, kind: str = "participant") -> Certificate:
        """Store a rendered certificate and its row. Raises Invalid, NotFound, Conflict, Unavailable."""
        return self._issue(registration_id, body, kind)

    def certificate_url(self, certificate_id: int) -> str:
        """Return a presigned link to a certificate. Raises NotFound, Gone."""
        return self._url(certificate_id)

    def wallet_history(
        self, wallet_id: int, cursor: str | None = None, limit: int = WALLET_PAGE
    ) -> Page[LedgerEntry]:
        """Return a page of a wallet's ledger, newest first."""
        return self._wallet_history(wallet_id, cursor, limit)

    def moderation_history(
        self, ref_id: str, cursor: str | None = None, limit: int = MODERATION_PAGE
    ) -> Page[ModerationAction]:
        """Return a page of the moderation actions on a reference, newest first."""
        return self._moderation_history(ref_id, cursor, limit)

    def publish(self, tournament_id: int, event: dict[str, Any]) -> None:
        """Send an event to all subscribers of a tournament, from any thread; does nothing where nobody listens."""
        self._publish(tournament_id, event)

    def close(self) -> None:
        """Close the sockets, then the connections. A second call does nothing."""
        self.hub.close()
        self.database.close()

    def _announce_score(self, result: MatchResult) -> None:
        if self.hub.subscribers(result.tournament_id):
            self.publish(result.tournament_id, {"type": "score_updated", "data": _event_data(result)})


def _event_data(result: MatchResult) -> dict[str, Any]:
    """Return the fields of the real platform's event, with the version beside them."""
    return {
        "match_id": result.id,
        "tournament_id": result.tournament_id,
        "status": result.state,
        "participant1_score": result.participant1_score,
        "participant2_score": result.participant2_score,
        "winner_id": result.winner_id,
        "submitted_by": result.submitted_by,
        "version": result.version,
        "updated_at": result.updated_at.isoformat(),
    }

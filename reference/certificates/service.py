"""Certificates: their bytes in a storage, their row and SHA-256 in the database, read back through a link."""

import hashlib
import time
import uuid
from dataclasses import dataclass
from datetime import datetime

from psycopg.errors import UniqueViolation

from reference.certificates.port import CertificateStorage, NoLink
from reference.database import Database
from reference.errors import Conflict, Gone, Invalid, NotFound, Unavailable

KINDS = ("winner", "runner_up", "third_place", "participant")
CONTENT_TYPE = "image/svg+xml"

_FIND_REGISTRATION = """
SELECT t.id, t.status FROM tournaments_registration r JOIN tournaments_tournament t ON t.id = r.tournament_id
WHERE r.id = $1
"""
_INSERT = """
INSERT INTO tournament_engine_certificate_certificate
    (tournament_id, participant_id, certificate_type, file_image, file_bytes, verification_code, certificate_hash,
     migrated_to_s3_at, stored_by, stored_ms, s3_write)
VALUES ($1, $2, $3, $4, $5, $6, $7, CASE WHEN $8::boolean THEN now() END, $9, $10,
        CASE WHEN $11::boolean THEN CASE WHEN $8 THEN 'ok' ELSE 'failed' END END) RETURNING id
"""
_FIND = """
SELECT id, participant_id, certificate_type, file_image, file_bytes, verification_code, certificate_hash, generated_at,
       revoked_at, revoked_reason, tournament_id, migrated_to_s3_at
FROM tournament_engine_certificate_certificate WHERE
"""
_BY_ID, _BY_CODE = _FIND + "id = $1", _FIND + "verification_code = $1"
_COUNT = """
UPDATE tournament_engine_certificate_certificate SET download_count = download_count + 1, downloaded_at = now()
WHERE id = $1
"""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A stored certificate. `retries` says how often its upload was tried again."""

    id: int
    key: str
    sha256: str
    code: uuid.UUID
    retries: int


@dataclass(frozen=True, slots=True)
class CertificateRecord:
    """A certificate's row."""

    id: int
    registration_id: int
    kind: str
    key: str
    bytes: int
    code: uuid.UUID
    sha256: str
    generated_at: datetime
    revoked_at: datetime | None
    revoked_reason: str
    tournament_id: int
    migrated_to_s3_at: datetime | None


class Certificates:
    """Issues and reads certificates. Without a storage every one of these is refused as unavailable."""

    def __init__(
        self, database: Database, storage: CertificateStorage | None, worker: str | None = None
    ) -> None:
        """Keep rows in a database and bytes in a storage; rows tell the name of the worker, if it has one."""
        self._database = database
        self._storage = storage
        self._worker = worker

    def issue(self, registration_id: int, body: bytes, kind: str = "participant") -> Certificate:
        """Store a rendered certificate and write its row: one for each registration and kind, until revoked.

        Raises Invalid (kind, empty body, tournament not completed), NotFound, Conflict (issued already), Unavailable.
        """
        if kind not in KINDS or not body:
            raise Invalid(
                f"a certificate is one of {', '.join(KINDS)} and not empty: {kind!r}, {len(body)} bytes"
            )
        tournament_id = self._completed_tournament(registration_id)
        code, sha256 = uuid.uuid4(), hashlib.sha256(body).hexdigest()
        key = f"certificates/{tournament_id}/{registration_id}/{code}.svg"
        # The object first: a row without its object would be a broken promise, an object without a row is only waste.
        began_s = time.perf_counter()
        saved = self._stored().save(key, body, CONTENT_TYPE)
        took_ms = (time.perf_counter() - began_s) * 1e3
        try:
            with self._database.connection() as connection:
                row = connection.row(
                    _INSERT, tournament_id, registration_id, kind, key, len(body), code, sha256, saved.on_s3,
                    self._worker, took_ms, saved.asked_s3,
                )  # fmt: skip
        except UniqueViolation:
            self._stored().delete(key)
            message = f"registration {registration_id} has its {kind} certificate already"
            raise Conflict(message, code="ALREADY_ISSUED") from None
        assert row is not None  # INSERT ... RETURNING gives a row
        return Certificate(row[0], key, sha256, code, saved.retries)

    def url(self, certificate_id: int) -> str:
        """Return a presigned link that reads the object back. Raises NotFound, Gone, NoLink where it is not on S3."""
        record = self._valid(certificate_id)
        if record.migrated_to_s3_at is None:
            raise NoLink(f"certificate {certificate_id} is not on S3 yet: download it through the platform")
        return self._stored().url(record.key)

    def download(self, certificate_id: int) -> tuple[CertificateRecord, bytes]:
        """Return the bytes and count the download. Raises NotFound, Gone, Unavailable."""
        record = self._valid(certificate_id)
        body = self._stored().open(record.key)
        with self._database.connection() as connection:
            connection.run(_COUNT, certificate_id)
        return record, body

    def find(self, certificate_id: int) -> CertificateRecord:
        """Return a certificate's row. Raises NotFound."""
        return self._find(_BY_ID, certificate_id)

    def verify(self, code: uuid.UUID) -> tuple[CertificateRecord, bool]:
        """Read a certificate's bytes again: the row, and whether they were tampered with. Raises NotFound."""
        record = self._find(_BY_CODE, code)
        tampered = hashlib.sha256(self._stored().open(record.key)).hexdigest() != record.sha256
        return record, tampered

    def _valid(self, certificate_id: int) -> CertificateRecord:
        record = self._find(_BY_ID, certificate_id)
        if record.revoked_at is not None:
            raise Gone(f"certificate {certificate_id} was revoked: {record.revoked_reason}")
        return record

    def _find(self, query: str, by: int | uuid.UUID) -> CertificateRecord:
        with self._database.connection() as connection:
            row = connection.row(query, by)
        if row is None:
            raise NotFound(f"there is no certificate {by}")
        return CertificateRecord(*row)

    def _completed_tournament(self, registration_id: int) -> int:
        with self._database.connection() as connection:
            row = connection.row(_FIND_REGISTRATION, registration_id)
        if row is None:
            raise NotFound(f"there is no registration {registration_id}")
        if row[1] != "completed":
            raise Invalid(f"tournament {row[0]} is {row[1]}: certificates are made once it is completed")
        return int(row[0])

    def _stored(self) -> CertificateStorage:
        if self._storage is None:
            raise Unavailable(
                "no certificate storage is configured: give the platform one", code="NO_STORAGE"
            )
        return self._storage

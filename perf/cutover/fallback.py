"""Certificates that S3 has lost: their rows say S3, the platform's disk alone has them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import tailguard as tg
from perf.certificate_pool import CertificateChangedError, body_of, rendered_certificates
from perf.platform import FallsBack, RowId, Uploads
from perf.store import Store
from reference.certificates import KINDS
from tailguard.postgres import Postgres

# More than one, so that no single file is what is measured; few enough to be made before the clock starts.
LOST_BY_S3 = 16
_KEY = "SELECT file_image FROM tournament_engine_certificate_certificate WHERE id = %s"


@dataclass(frozen=True, slots=True)
class Fallback:
    """`lost` are (id, SHA-256); the platform falls back for them."""

    lost: tuple[tuple[RowId, str], ...]
    platform: FallsBack

    def read(self, number: int) -> bytes:
        """Read one through the platform; raises `CertificateChangedError` if the bytes differ."""
        certificate_id, sha256 = self.lost[number % len(self.lost)]
        body = self.platform.download_certificate(certificate_id)
        if hashlib.sha256(body).hexdigest() != sha256:
            raise CertificateChangedError(f"certificate {certificate_id} came back changed from the disk")
        return body

    def each_fell_back(self, samples: tg.Samples) -> tg.Invariant:
        """Return whether each fallback read failed on S3 before the disk served it."""
        reads, counted = int(samples.ok("fallback_read").sum()), self.platform.fallback_reads()
        return tg.Invariant(
            name="every fallback read was one",
            held=counted >= reads,
            expected=f"at least {reads}",
            observed=f"{counted}",
        )


def why_none(platform: object, store: Store | None) -> str:
    """Return why nothing can fall back; "" if it can."""
    if store is None or not store.folder:
        return "there is no local disk beside S3 (certificates.storage is not dual_write)"
    return "" if isinstance(platform, FallsBack) else "the platform has no download_certificate"


def open_fallback(
    platform: Uploads, store: Store | None, postgres: Postgres, registrations: Sequence[RowId]
) -> Fallback:
    """Store a certificate for each of these registrations, then take it from S3 behind the platform's back."""
    assert store is not None and isinstance(platform, FallsBack)  # noqa: PT018  # `why_none` was asked
    s3, rendered, lost = store.open_s3(), rendered_certificates(), []
    with postgres.reader() as reader:
        for number, registration in enumerate(registrations, 1):
            body = body_of(rendered, -number)
            stored = platform.upload_certificate(registration, body, KINDS[0])
            s3.delete(str(reader.value(_KEY, stored.id)))
            lost.append((stored.id, hashlib.sha256(body).hexdigest()))
    return Fallback(tuple(lost), platform)

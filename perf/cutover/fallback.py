"""Certificates that S3 has lost: their rows say S3, the platform's disk alone has them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reference.certificates import KINDS, MigratingStorage
from tailguard.pipeline.world import World

# More than one, so that no single file is what is measured; few enough to be made before the clock starts.
LOST_BY_S3 = 16
_KEY = "SELECT file_image FROM tournament_engine_certificate_certificate WHERE id = %s"


class CertificateChangedError(Exception):
    """The bytes read back are not those that were stored."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """The lost ones, as (id, SHA-256), and the storage that falls back for them."""

    lost: tuple[tuple[int, str], ...]
    storage: MigratingStorage

    def read(self, platform: Any, turn: int) -> bytes:
        """Read one through the platform; raises `CertificateChangedError` if the bytes differ."""
        certificate_id, sha256 = self.lost[turn % len(self.lost)]
        body: bytes = platform.download_certificate(certificate_id)
        if hashlib.sha256(body).hexdigest() != sha256:
            raise CertificateChangedError(f"certificate {certificate_id} came back changed from the disk")
        return body

    def count(self) -> int:
        """Return how many reads of the run fell back so far."""
        return self.storage.metrics.counts()["cert.s3.read.fallback"]


def why_none(world: World) -> str:
    """Return why nothing can fall back in this world; empty if it can."""
    if not isinstance(world.storage, MigratingStorage):
        return "there is no local disk beside S3 (certificates.storage is not dual_write)"
    if not hasattr(world.platform, "download_certificate"):
        return "the platform has no download_certificate"
    return ""


def open_fallback(world: World, registrations: Sequence[int], bodies: Sequence[bytes]) -> Fallback:
    """Store a certificate for each of these registrations, then take it from S3 behind the platform's back."""
    storage = world.storage
    assert isinstance(storage, MigratingStorage)  # `why_none` was asked
    lost = []
    for registration, body in zip(registrations, bodies, strict=True):
        stored = world.platform.upload_certificate(registration, body, KINDS[0])
        storage.s3.delete(world.value(_KEY, stored.id))
        lost.append((stored.id, hashlib.sha256(body).hexdigest()))
    return Fallback(tuple(lost), storage)

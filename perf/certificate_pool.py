"""Certificates to upload, rendered before the clock starts, and what was acknowledged of them."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import TypeVar

import tailguard as tg
from perf.invariants import count_is
from perf.platform import ReadsPresigned, RowId, Uploaded, Uploads
from reference.certificates import KINDS
from reference.drawing import Award, draw
from reference.seed import NAMES
from tailguard.postgres import Reader

T = TypeVar("T")

# Different names and ornaments; each upload is made unique by its own last line.
RENDERED = 16
# Who reads all certificates back at the end: one alone waits for the store most of the time.
READERS = 4
# What a certificate with a photograph carries: more than one part of an upload to S3.
PICTURE = b"<!-- " + b"0123456789abcdef" * 400_000 + b" -->\n"


class CertificateChangedError(Exception):
    """The bytes read back are not those that were stored."""


def rendered_certificates() -> tuple[bytes, ...]:
    """Return certificates of about 64 KiB, each for another name."""
    return tuple(
        draw(Award(name, f"Cup {number}", KINDS[number % len(KINDS)], f"No. {number}", "2025-06-01"))
        for number, name in enumerate(islice(cycle(NAMES), RENDERED))
    )


def body_of(rendered: Sequence[bytes], number: int) -> bytes:
    """Return the bytes of an iteration: a rendered certificate, made unique by a comment at its end."""
    return rendered[number % len(rendered)] + f"<!-- {number} -->\n".encode()


def order_of(registrations: Sequence[T], number: int) -> tuple[T, str]:
    """Return the registration and kind of an upload: each registration once a kind, then the next kind."""
    round_, registration = divmod(number, len(registrations))
    return registrations[registration], KINDS[round_ % len(KINDS)]


@dataclass(slots=True)
class Certificates:
    """`acknowledged` maps each certificate's id to its SHA-256; `picture` is in each of them."""

    registrations: Sequence[RowId]
    rendered: tuple[bytes, ...] = field(default_factory=rendered_certificates, repr=False)
    acknowledged: dict[RowId, str] = field(default_factory=dict)
    picture: bytes = field(default=b"", repr=False)

    def set_apart(self, count: int) -> Sequence[RowId]:
        """Return that number of registrations that no iteration will use."""
        apart, self.registrations = self.registrations[:count], self.registrations[count:]
        return apart

    def body(self, number: int) -> bytes:
        """Return the bytes of an iteration."""
        return body_of(self.rendered, number) + self.picture

    def upload(self, platform: Uploads, number: int, body: bytes) -> Uploaded:
        """Store it and remember what was acknowledged."""
        registration, kind = order_of(self.registrations, number)
        stored = platform.upload_certificate(registration, body, kind)
        self.acknowledged[stored.id] = hashlib.sha256(body).hexdigest()
        return stored

    def read_all(self, platform: ReadsPresigned) -> tuple[int, int]:
        """Read every acknowledged certificate back: how many were lost, how many changed."""
        with ThreadPoolExecutor(READERS) as readers:
            found = list(readers.map(lambda identity: sha256_of(platform, identity), self.acknowledged))
        kept = zip(found, self.acknowledged.values(), strict=True)
        return found.count(None), sum(sha256 not in (None, expected) for sha256, expected in kept)


def read_back(platform: ReadsPresigned, certificate_id: RowId, body: bytes) -> bytes:
    """Read through a presigned URL; raises `CertificateChangedError` if the bytes differ."""
    read = platform.read_presigned(certificate_id)
    if read != body:
        raise CertificateChangedError(
            f"certificate {certificate_id}: {len(read)} bytes read back differ from {len(body)} stored"
        )
    return read


def sha256_of(platform: ReadsPresigned, certificate_id: RowId) -> str | None:
    """Return the SHA-256 of a certificate as it reads back, None if it does not."""
    try:
        return hashlib.sha256(platform.read_presigned(certificate_id)).hexdigest()
    except Exception:  # noqa: BLE001  # however it failed to come back, it is lost to its owner
        return None


def all_kept(
    platform: ReadsPresigned, certificates: Certificates, database: Reader
) -> Iterator[tg.Invariant]:
    """Every certificate that was acknowledged reads back unchanged, and its row knows its SHA-256."""
    lost, changed = certificates.read_all(platform)
    yield tg.expect("every acknowledged certificate reads back", 0, lost)
    yield tg.expect("every certificate keeps its SHA-256", 0, changed)
    yield from count_is(
        database,
        "every acknowledged certificate has its row",
        "SELECT count(*) FROM tournament_engine_certificate_certificate WHERE id = ANY(%s)",
        list(certificates.acknowledged),
        expected=len(certificates.acknowledged),
    )

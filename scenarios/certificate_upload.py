"""Certificate upload: a winner's certificate goes to S3 and is read back.

Who: the platform at a tournament's end, then the certificate's owner. What: about 64 KiB are stored on S3 and
their row is written; a presigned URL reads them back; if a local disk stands beside S3, one that S3 has lost is read
through the platform, too. Data: certificates rendered before the clock starts, with names such as Curaçao, 東京, Δ and
🏆; each arrival has bytes of its own.
"""

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from perf.cutover.fallback import LOST_BY_S3, CertificateChangedError, Fallback, open_fallback, why_none
from perf.invariants import equals
from perf.platform import REFUSALS, Platform, Uploaded
from perf.world import rendered_certificates
from reference.certificates import KINDS
from tailguard.engine.iteration import Session
from tailguard.engine.scenario import Scenario
from tailguard.pipeline.world import World
from tailguard.record.samples import Samples
from tailguard.record.scenario import Invariant

# Who reads all certificates back at the end: one alone waits for the store most of the time.
READERS = 4


@dataclass(slots=True)
class Certificates:
    """Rendered bodies and the registrations that they are for. `fallback` is None if nothing can fall back."""

    rendered: tuple[bytes, ...]
    registrations: Sequence[int]
    acknowledged: dict[int, str]
    fallback: Fallback | None = None

    def body(self, turn: int) -> bytes:
        """Return the bytes of a turn: a rendered certificate, made unique by a comment at its end."""
        return self.rendered[turn % len(self.rendered)] + f"<!-- {turn} -->\n".encode()

    def order(self, turn: int) -> tuple[int, str]:
        """Return (registration, kind) of a turn: each registration once a kind, then the next kind."""
        round_, number = divmod(turn, len(self.registrations))
        return self.registrations[number], KINDS[round_ % len(KINDS)]

    def upload(self, platform: Platform, turn: int, body: bytes) -> Uploaded:
        """Store it and remember what was acknowledged."""
        registration, kind = self.order(turn)
        uploaded = platform.upload_certificate(registration, body, kind)
        self.acknowledged[uploaded.id] = hashlib.sha256(body).hexdigest()
        return uploaded


def prepare(world: World, settings: Mapping[str, Any]) -> Certificates:
    """Render the certificates, before the clock starts."""
    return Certificates(rendered_certificates(), world.seeded.awards[:-LOST_BY_S3], {})


def open_optional(world: World, data: Certificates) -> Mapping[str, str]:
    """Make the fallback read ready, or say why it is skipped."""
    if why := why_none(world):
        return {"fallback_read": why}
    bodies = [data.body(-number) for number in range(1, LOST_BY_S3 + 1)]
    data.fallback = open_fallback(world, world.seeded.awards[-LOST_BY_S3:], bodies)
    return {}


def read_back(platform: Platform, certificate_id: int, body: bytes) -> bytes:
    """Read through a presigned URL; raises `CertificateChangedError` if the bytes differ."""
    read = platform.read_presigned(certificate_id)
    if read != body:
        raise CertificateChangedError(
            f"certificate {certificate_id}: {len(read)} bytes read back differ from {len(body)} stored"
        )
    return read


def journey(session: Session, platform: Platform, data: Certificates) -> None:
    """Upload, then read back."""
    body = data.body(session.turn)
    uploaded = session.step("upload", data.upload, platform, session.turn, body)
    if uploaded is not None:
        session.step("presigned_read", read_back, platform, uploaded.id, body)
    if data.fallback is not None:
        session.step("fallback_read", data.fallback.read, platform, session.turn)


def sha256_of(platform: Platform, certificate_id: int) -> str | None:
    """Return the SHA-256 of a certificate as it reads back, None if it does not."""
    try:
        return hashlib.sha256(platform.read_presigned(certificate_id)).hexdigest()
    except Exception:  # noqa: BLE001  # however it failed to come back, it is lost to its owner
        return None


def invariants(world: World, data: Certificates, samples: Samples) -> list[Invariant]:
    """Every certificate that was acknowledged reads back unchanged, and its row knows its SHA-256."""
    with ThreadPoolExecutor(READERS) as readers:
        found = list(readers.map(lambda number: sha256_of(world.platform, number), data.acknowledged))
    lost = found.count(None)
    kept = zip(found, data.acknowledged.values(), strict=True)
    changed = sum(sha256 not in (None, expected) for sha256, expected in kept)
    rows = world.value(
        "SELECT count(*) FROM tournament_engine_certificate_certificate WHERE id = ANY(%s)",
        list(data.acknowledged),
    )
    return [
        equals("every acknowledged certificate reads back", expected=0, observed=lost),
        equals("every certificate keeps its SHA-256", expected=0, observed=changed),
        equals("every acknowledged certificate has its row", expected=len(data.acknowledged), observed=rows),
        *([] if data.fallback is None else [fell_back(data.fallback, samples)]),
    ]


def fell_back(fallback: Fallback, samples: Samples) -> Invariant:
    """Return whether each fallback read asked S3 in vain before the disk served it."""
    reads, counted = int(samples.ok("fallback_read").sum()), fallback.count()
    return Invariant(
        name="every fallback read was one",
        held=counted >= reads,
        expected=f"at least {reads}",
        observed=f"{counted}",
    )


SCENARIO = Scenario(
    slug="certificate_upload",
    title="Certificate upload",
    steps=("upload", "presigned_read"),
    needs=frozenset({"postgres", "s3"}),
    journey=journey,
    prepare=prepare,
    invariants=invariants,
    refusals=REFUSALS,
    optional=("fallback_read",),
    open_optional=open_optional,
)

"""Certificate upload: a winner's certificate goes to S3 and is read back.

Who: the platform at a tournament's end, then the certificate's owner. What: about 64 KiB are stored on S3 and
their row is written; a presigned URL reads them back; if there is a local disk beside S3, one that S3 has lost is read
through the platform, too. Data: certificates rendered before the clock starts, with names such as Curaçao, 東京, Δ and
🏆; each arrival has bytes of its own.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import tailguard as tg
from perf.certificate_pool import Certificates, all_kept, read_back
from perf.cutover.fallback import LOST_BY_S3, Fallback, open_fallback, why_none
from perf.offer import Offer
from perf.platform import REFUSALS, Certifies, RowId
from perf.retries import counted
from perf.store import Store, configured_store
from tailguard.postgres import Postgres, Reader
from tailguard.s3 import S3Server


@tg.fixture(scope="run")
def store(s3: S3Server, config: tg.Config, folder: Path) -> Store | None:
    """S3 alone, or with a disk beside it; the platform of this file uses it."""
    return configured_store(s3, config, folder)


@tg.fixture(scope="run")
def registrations(offer: Offer, run: tg.Run) -> Sequence[RowId]:
    """Registrations that certificates are for; the last tenth is for large ones, if they are measured as well."""
    awards = offer.rows_for("certificate_upload").awards
    return awards[: -len(awards) // 10] if "large_certificate_upload" in run.planned else awards


@tg.fixture
def certificates(registrations: Sequence[RowId], shard: tg.Shard) -> Certificates:
    """Rendered before the clock starts; each process has registrations of its own."""
    return Certificates(registrations[shard.index :: shard.count])


@tg.fixture
def fallback(
    platform: Certifies, certificates: Certificates, store: Store | None, postgres: Postgres, run: tg.Run
) -> Fallback | None:
    """Certificates that S3 has lost; None, and the run says why, if nothing can fall back."""
    if why := why_none(platform, store):
        run.note("certificate_upload.fallback_read", why)
        return None
    return open_fallback(platform, store, postgres, certificates.set_apart(LOST_BY_S3))


@tg.scenario(rate="100/s", steps=["upload", "presigned_read", "fallback_read"], refusals=REFUSALS)
def certificate_upload(
    it: tg.Iteration, platform: Certifies, certificates: Certificates, fallback: Fallback | None
) -> None:
    """Upload, then read back."""
    body = certificates.body(it.number)
    stored = it.step("upload", counted(certificates.upload), platform, it.number, body)
    it.step("presigned_read", read_back, platform, stored.id, body)
    if fallback is not None:
        it.step("fallback_read", fallback.read, it.number)


@certificate_upload.invariants
def holds(
    platform: Certifies,
    certificates: Certificates,
    fallback: Fallback | None,
    database: Reader,
    samples: tg.Samples,
) -> Iterator[tg.Invariant]:
    """Every certificate that was acknowledged reads back unchanged, and its row knows its SHA-256."""
    yield from all_kept(platform, certificates, database)
    if fallback is not None:
        yield fallback.each_fell_back(samples)

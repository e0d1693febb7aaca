"""Large certificate upload: a certificate with a photograph goes to S3 in parts and is read back.

Who: the platform at a tournament's end. What: 6 MiB are stored on S3 in two parts and their row is written. Data: the
certificates of `certificate_upload` with a picture inside, for registrations that it leaves to this scenario.
"""

from collections.abc import Iterator
from pathlib import Path

import tailguard as tg
from perf.certificate_pool import PICTURE, Certificates, all_kept
from perf.offer import Offer
from perf.platform import REFUSALS, Certifies
from perf.retries import counted
from perf.store import Store, configured_store
from tailguard.postgres import Reader
from tailguard.s3 import S3Server


@tg.fixture(scope="run")
def store(s3: S3Server, config: tg.Config, folder: Path) -> Store | None:
    """S3 alone, or with a disk beside it; the platform of this file uses it."""
    return configured_store(s3, config, folder)


@tg.fixture
def certificates(offer: Offer, shard: tg.Shard) -> Certificates:
    """Of the last tenth of the registrations; each process has its own of them."""
    awards = offer.rows_for("certificate_upload").awards
    return Certificates(awards[-len(awards) // 10 :][shard.index :: shard.count], picture=PICTURE)


@tg.scenario(rate="4/s", steps=["upload"], refusals=REFUSALS)
def large_certificate_upload(it: tg.Iteration, platform: Certifies, certificates: Certificates) -> None:
    """Upload in parts."""
    it.step("upload", counted(certificates.upload), platform, it.number, certificates.body(it.number))


@large_certificate_upload.invariants
def holds(platform: Certifies, certificates: Certificates, database: Reader) -> Iterator[tg.Invariant]:
    """No part of any of them is lost or changed."""
    yield from all_kept(platform, certificates, database)

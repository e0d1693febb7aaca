"""The cut-over of certificates to S3 as it is walked under load: its stages, its flags, what was acknowledged."""

import hashlib
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock

import urllib3

import tailguard as tg
from perf.certificate_pool import body_of, order_of, rendered_certificates
from perf.cutover.copying import Copying
from perf.reference import make_tables
from reference.certificates import (
    Certificate,
    Flags,
    LocalStorage,
    Metrics,
    MigratingStorage,
    NoLink,
    Retry,
    S3Storage,
)
from reference.certificates.backfill import Backfill, BackfillPlan
from reference.certificates.consistency import ConsistencyCheck, ConsistencyReport
from reference.platform import DeltaCrown
from reference.seed import Seeded, SeedSize, seed_platform
from tailguard.postgres import Postgres, schema_on
from tailguard.s3 import S3Server

STAGES = ("off", "dual_write", "backfill", "read_primary", "rolled_back")
_FLAGS = {
    "off": Flags(),
    "dual_write": Flags(dual_write=True),
    "backfill": Flags(dual_write=True, backfill=True),
    "read_primary": Flags(dual_write=True, read_primary=True),
    "rolled_back": Flags(),
}
# Share of the iterations at which each stage ends. Reading S3 first is what a cut-over is for: it has the most.
_ENDS = (0.05, 0.15, 0.25, 0.8)
# A presigned read or an S3 call on loopback takes milliseconds: what takes 2 s is not coming.
_CONNECT_S, _READ_S = 1.0, 2.0
# Few at a time: a backfill rests between its batches, see `Copying`.
_BATCH, _CONCURRENCY = 8, 2
_LEGACY_UPLOADERS = 8  # before the clock starts
_READERS = 8  # after the last sample, so that 10,000 certificates are read back in a minute or two


@dataclass(frozen=True, slots=True)
class Walk:
    """How a cut-over is walked.

    Attributes:
        iterations: most of the whole walk.
        warmup: iterations before the first one that counts.
        legacy: certificates that are on the disk before it begins.
        backfill_rate_per_s: most uploads a second of the backfill; 0: no limit.
        seed: of the rows.
    """

    iterations: int
    warmup: int
    legacy: int
    backfill_rate_per_s: float
    seed: int


@dataclass(frozen=True, slots=True)
class ReadBack:
    """A certificate as its owner got it. `retries` is 1 if the presigned link failed and the platform helped."""

    body: bytes
    retries: int = 0


@dataclass(slots=True)
class Cutover:
    """Everything the scenario works on. `acknowledged` maps each certificate's id to its SHA-256."""

    platform: DeltaCrown
    storage: MigratingStorage
    http: urllib3.PoolManager
    rendered: tuple[bytes, ...]
    registrations: Sequence[int]
    iterations: int
    copying: Copying
    stage: str = STAGES[0]
    acknowledged: dict[int, str] = field(default_factory=dict)
    failed_uploads: int = 0
    _order: list[int] = field(default_factory=list)
    _issued: int = 0
    _lock: Lock = field(default_factory=Lock)

    def stage_of(self, number: int) -> str:
        """Return the stage of an iteration, and enter it if it is new. None is left before its work is done."""
        self.copying.touch()
        share = max(number, 0) / self.iterations
        due = sum(share >= end for end in _ENDS)
        with self._lock:
            while STAGES.index(self.stage) < due and not self.copying.busy:
                self._enter(STAGES[STAGES.index(self.stage) + 1])
            return self.stage

    def body(self, number: int) -> bytes:
        """Return the bytes of an iteration."""
        return body_of(self.rendered, number)

    def upload(self, body: bytes) -> Certificate:
        """Store a certificate and remember what was acknowledged."""
        with self._lock:
            issued, self._issued = self._issued, self._issued + 1
        registration, kind = order_of(self.registrations, issued)
        try:
            stored = self.platform.upload_certificate(registration, body, kind)
        except Exception:
            with self._lock:
                self.failed_uploads += 1
            raise
        with self._lock:
            self.acknowledged[stored.id] = hashlib.sha256(body).hexdigest()
            self._order.append(stored.id)
        return stored

    def choose(self, number: int, latest: int) -> int:
        """Return which certificate an iteration reads: its own, or every other time one from anywhere before."""
        if number % 2:
            return latest
        return self._order[number * 7919 % len(self._order)]  # a prime stride: all come up, in no order

    def read(self, certificate_id: int) -> ReadBack:
        """Read as an owner does: by presigned link, else through the platform. Raises OSError for wrong bytes."""
        found = self._by_link(certificate_id)
        self.copying.touch()
        if hashlib.sha256(found.body).hexdigest() != self.acknowledged[certificate_id]:
            raise OSError(f"certificate {certificate_id} came back changed")
        return found

    def complete(self) -> None:
        """Walk the stages that are left, and backfill once more what S3 missed while it was away."""
        self.copying.finish()
        while self.stage != STAGES[-1]:
            self._enter(STAGES[STAGES.index(self.stage) + 1], copy=False)

    def check(self) -> ConsistencyReport:
        """Compare both sides, every certificate read back."""
        storage = self.storage
        return ConsistencyCheck(
            self.platform.database, storage.local, storage.s3, share=1.0, settle_s=0.1
        ).run()

    def read_all(self, *, s3_first: bool) -> tuple[int, int]:
        """Read every acknowledged certificate through the platform: how many were lost, how many changed."""
        self.storage.flags = _FLAGS["read_primary" if s3_first else "off"]
        with ThreadPoolExecutor(_READERS, "read-back") as readers:
            found = Counter(readers.map(self._read_back, self.acknowledged, self.acknowledged.values()))
        return found["lost"], found["changed"]

    def orphans_explained(self, local: int, s3: int) -> tg.Invariant:
        """An upload that failed midway leaves an object without a row: no more of them than of these."""
        return tg.Invariant(
            name="no object without a row but those of failed uploads",
            held=max(local, s3) <= self.failed_uploads,
            expected=f"at most {self.failed_uploads}",
            observed=f"{local} on disk, {s3} on S3",
        )

    def counters(self) -> dict[str, int]:
        """Return the storage's counters."""
        return self.storage.metrics.counts()

    def close(self) -> None:
        """Let go of everything."""
        self.copying.close()
        self.http.clear()
        self.platform.close()

    def _by_link(self, certificate_id: int) -> ReadBack:
        download = partial(self.platform.certificates.download, certificate_id)
        try:
            answer = self.http.request("GET", self.platform.certificate_url(certificate_id))
        except NoLink:
            return ReadBack(download()[1])
        except urllib3.exceptions.HTTPError:
            return ReadBack(download()[1], retries=1)
        if answer.status != 200:  # noqa: PLR2004  # HTTP's own word for "here it is"
            return ReadBack(download()[1], retries=1)
        return ReadBack(answer.data)

    def _read_back(self, certificate_id: int, sha256: str) -> str:
        try:
            body = self.platform.certificates.download(certificate_id)[1]
        except Exception:  # noqa: BLE001  # however it failed to come back, it is lost to its owner
            return "lost"
        return "there" if hashlib.sha256(body).hexdigest() == sha256 else "changed"

    def _enter(self, stage: str, *, copy: bool = True) -> None:
        self.stage = stage
        self.storage.flags = _FLAGS[stage]
        if stage == "backfill" and copy:
            self.copying.start()


@contextmanager
def open_cutover(walk: Walk, postgres: Postgres, s3: S3Server, folder: Path) -> Iterator[Cutover]:
    """Make a schema, a folder and a prefix of the bucket, and store what is from before, with all flags off."""
    with schema_on(postgres.conninfo) as own:
        make_tables(own.conninfo)
        seeded = seed_platform(own.conninfo, size=_size(walk), seed=walk.seed)
        cutover = _made(walk, own.conninfo, seeded, _storage(s3, LocalStorage(folder)))
        try:
            with ThreadPoolExecutor(_LEGACY_UPLOADERS, "legacy") as uploaders:
                list(uploaders.map(lambda number: cutover.upload(cutover.body(-number)), range(walk.legacy)))
            yield cutover
        finally:
            cutover.close()


def _made(walk: Walk, conninfo: str, seeded: Seeded, storage: MigratingStorage) -> Cutover:
    platform = DeltaCrown(conninfo, storage=storage, secret=secrets.token_hex(32))
    plan = BackfillPlan(_BATCH, _CONCURRENCY, walk.backfill_rate_per_s)
    copying = Copying(Backfill(platform.database, storage.local, storage.s3, plan))
    http = urllib3.PoolManager(maxsize=32, retries=False, timeout=urllib3.Timeout(_CONNECT_S, _READ_S))
    return Cutover(platform, storage, http, rendered_certificates(), seeded.awards, walk.iterations, copying)


def _storage(s3: S3Server, local: LocalStorage) -> MigratingStorage:
    metrics = Metrics()
    client = s3.client(
        max_pool_connections=32,
        retries={"total_max_attempts": 1},
        connect_timeout=_CONNECT_S,
        read_timeout=_READ_S,
    )
    storage = S3Storage(
        client, s3.bucket, f"{s3.prefix}migration/", metrics=metrics, retry=Retry(budget_s=_READ_S)
    )
    return MigratingStorage(local, storage, metrics=metrics)


def _size(walk: Walk) -> SeedSize:
    """Return a small platform with registrations for so many certificates, and a few more."""
    awards = (walk.iterations + walk.warmup + walk.legacy) // 2 + 200
    return SeedSize(
        users=awards,
        open_tournaments=5,
        small_tournaments=5,
        live_tournaments=2,
        matches_per_tournament=40,
        awards=awards,
        wallets=60,
        ledger_rows=1_500,
        moderation_rows=1_000,
    )

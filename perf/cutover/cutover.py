"""The cut-over of certificates to S3 as it is walked under load: its stages, its flags, what was acknowledged."""

import hashlib
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import urllib3

from perf.cutover.copying import Copying
from perf.world import rendered_certificates
from reference.certificates import (
    KINDS,
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
from reference.database import create_tables
from reference.platform import DeltaCrown
from reference.seed import SeedSize, seed_platform
from tailguard.base.errors import UsageError
from tailguard.base.processes import Watchdog
from tailguard.pipeline.world import World
from tailguard.postgres.database import schema_on
from tailguard.s3.store import S3Server

STAGES = ("off", "dual_write", "backfill", "read_primary", "rolled_back")
_FLAGS = {
    "off": Flags(),
    "dual_write": Flags(dual_write=True),
    "backfill": Flags(dual_write=True, backfill=True),
    "read_primary": Flags(dual_write=True, read_primary=True),
    "rolled_back": Flags(),
}
# Share of the turns at which each stage ends. Reading S3 first is what a cut-over is for: it has the most.
_ENDS = (0.05, 0.15, 0.25, 0.8)
# A presigned read or an S3 call on loopback takes milliseconds: what takes 2 s is not coming.
_CONNECT_S, _READ_S = 1.0, 2.0
# Few at a time: a backfill rests between its batches, see `Copying`.
_BATCH, _CONCURRENCY = 8, 2
_LEGACY_UPLOADERS = 8  # before the clock starts


@dataclass(frozen=True, slots=True)
class ReadBack:
    """A certificate as its owner got it. `retries` is 1 if the presigned link failed and the platform helped."""

    body: bytes
    retries: int = 0


@dataclass(slots=True)
class Cutover:
    """Everything the scenario works on. `acknowledged` maps each certificate's id to its SHA-256.

    `turns` is how many turns the whole walk is planned to have.
    """

    platform: DeltaCrown
    storage: MigratingStorage
    http: urllib3.PoolManager
    rendered: tuple[bytes, ...]
    awards: range
    turns: int
    copying: Copying
    stage: str = STAGES[0]
    acknowledged: dict[int, str] = field(default_factory=dict)
    failed_uploads: int = 0
    _order: list[int] = field(default_factory=list)
    _issued: int = 0
    _lock: Lock = field(default_factory=Lock)

    def body(self, turn: int) -> bytes:
        """Return a turn's bytes: a rendered certificate, made unique by a comment at its end."""
        return self.rendered[turn % len(self.rendered)] + f"<!-- {turn} -->\n".encode()

    def stage_of(self, turn: int) -> str:
        """Return the stage of a turn, and enter it where it is new. None is left before its work is done."""
        self.copying.turn()
        share = max(turn, 0) / self.turns
        due = sum(share >= end for end in _ENDS)
        with self._lock:
            while STAGES.index(self.stage) < due and not self.copying.busy:
                self._enter(STAGES[STAGES.index(self.stage) + 1])
            return self.stage

    def upload(self, turn: int, body: bytes) -> Certificate:
        """Store a certificate and remember what was acknowledged."""
        registration, kind = self._next_order()
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

    def choose(self, turn: int, latest: int) -> int:
        """Return which certificate a turn reads: its own, or every other time one from anywhere before."""
        if turn % 2:
            return latest
        return self._order[turn * 7919 % len(self._order)]  # a prime stride: all come up, in no order

    def read(self, certificate_id: int) -> ReadBack:
        """Read as an owner does: by presigned link, else through the platform. Raises OSError for wrong bytes."""
        found = self._by_link(certificate_id)
        self.copying.turn()
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

    def counters(self) -> dict[str, int]:
        """Return the storage's counters."""
        return self.storage.metrics.counts()

    def close(self) -> None:
        """Let go of everything."""
        self.copying.close()
        self.http.clear()
        self.platform.close()

    def _by_link(self, certificate_id: int) -> ReadBack:
        try:
            answer = self.http.request("GET", self.platform.certificate_url(certificate_id))
        except NoLink:
            return ReadBack(self.platform.certificates.download(certificate_id)[1])
        except urllib3.exceptions.HTTPError:
            return ReadBack(self.platform.certificates.download(certificate_id)[1], retries=1)
        if answer.status != 200:  # noqa: PLR2004  # HTTP's own word for "here it is"
            return ReadBack(self.platform.certificates.download(certificate_id)[1], retries=1)
        return ReadBack(answer.data)

    def _enter(self, stage: str, *, copy: bool = True) -> None:
        self.stage = stage
        self.storage.flags = _FLAGS[stage]
        if stage == "backfill" and copy:
            self.copying.start()

    def _next_order(self) -> tuple[int, str]:
        """Return (registration, kind): each registration once a kind, then the next kind."""
        with self._lock:
            issued, self._issued = self._issued, self._issued + 1
        round_, number = divmod(issued, len(self.awards))
        return self.awards[number], KINDS[round_ % len(KINDS)]


def open_cutover(world: World, settings: Mapping[str, Any]) -> Cutover:
    """Make the places of a cut-over; the world's resources close them. Raises UsageError on another platform."""
    if world.config.get("platform") != "in-process":
        raise UsageError(
            "certificate_migration switches the flags of the platform that it runs on: use --platform in-process,"
            " name the other scenarios with --scenario, or follow docs/runbooks/certificates-s3-cutover.md on your own"
        )
    assert world.s3 is not None  # it is among the scenario's needs
    turns = min(settings["max_samples"], round(settings["rate_per_s"] * settings["max_seconds"]))
    legacy = settings["legacy"]
    stack = world.resources
    own = stack.enter_context(schema_on(world.database.conninfo))
    create_tables(own.conninfo)
    orders = turns + settings["warmup"] + legacy
    seeded = seed_platform(own.conninfo, size=_size(orders), seed=world.config.get("seed"))
    folder = stack.enter_context(Watchdog()).folder("tailguard-certificates-")
    storage = _storage(world.s3, LocalStorage(folder))
    platform = DeltaCrown(own.conninfo, storage=storage, secret=secrets.token_hex(32))
    plan = BackfillPlan(_BATCH, _CONCURRENCY, settings["backfill_rate_per_s"])
    copying = Copying(Backfill(platform.database, storage.local, storage.s3, plan))
    http = urllib3.PoolManager(maxsize=32, retries=False, timeout=urllib3.Timeout(_CONNECT_S, _READ_S))
    cutover = Cutover(platform, storage, http, rendered_certificates(), seeded.awards, turns, copying)
    stack.callback(cutover.close)
    with ThreadPoolExecutor(_LEGACY_UPLOADERS, "legacy") as uploaders:
        for stored in uploaders.map(lambda n: cutover.upload(n, cutover.body(-n)), range(legacy)):
            assert stored.id in cutover.acknowledged
    return cutover


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


def _size(orders: int) -> SeedSize:
    """Return a small platform with registrations for so many certificates, a few more for turns beyond the plan."""
    awards = orders // 2 + 200
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

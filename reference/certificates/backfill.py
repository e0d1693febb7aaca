"""The backfill: copies what was stored before the cut-over from the local disk to S3, beside live uploads.

A row is marked once S3 holds its bytes with the SHA-256 of the row. The marks are the memory: a backfill that was
killed resumes, and what it uploaded without marking is recognised, not uploaded again.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import takewhile
from threading import Event, Lock

from reference.certificates.alone import alone
from reference.certificates.local import LocalStorage
from reference.certificates.port import StorageUnavailable
from reference.certificates.s3 import S3Storage
from reference.certificates.service import CONTENT_TYPE
from reference.database import Database

_TABLE = "tournament_engine_certificate_certificate"
_PENDING = f"SELECT count(*) FROM {_TABLE} WHERE migrated_to_s3_at IS NULL AND id > $1"
_NEXT = f"""
SELECT id, file_image, certificate_hash FROM {_TABLE} WHERE migrated_to_s3_at IS NULL AND id > $1
ORDER BY id LIMIT $2
"""
_MARK = f"""
UPDATE {_TABLE} SET migrated_to_s3_at = now() WHERE id = ANY($1::bigint[]) AND migrated_to_s3_at IS NULL
"""
_KEPT_FAILURES = 20  # shown to a human; all are counted


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """How to go about it: rows a batch, uploads at once, uploads a second (0: unbounded), ids to skip up to."""

    batch: int = 100
    concurrency: int = 8
    rate_per_s: float = 0.0
    dry_run: bool = False
    after_id: int = 0


@dataclass(frozen=True, slots=True)
class BackfillProgress:
    """How far it is. `resume_after` is the resume token: every row up to that id is done, or among the failures.

    `present` were on S3 already; `failures` names the first of the `failed`.
    """

    pending: int
    uploaded: int = 0
    present: int = 0
    failed: int = 0
    bytes: int = 0
    resume_after: int = 0
    failures: tuple[str, ...] = ()
    finished: bool = False

    @property
    def done(self) -> int:
        """Rows dealt with so far."""
        return self.uploaded + self.present + self.failed


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    key: str
    sha256: str


@dataclass(frozen=True, slots=True)
class _Copied:
    id: int
    bytes: int = 0
    uploaded: bool = False
    failure: str = ""
    skipped: bool = False


class Pacing:
    """A rate limit shared by threads: at most `rate_per_s` permits a second, evenly spaced; 0 means unlimited."""

    def __init__(self, rate_per_s: float, now_s: Callable[[], float] = time.monotonic) -> None:
        if rate_per_s < 0:
            raise ValueError(f"a rate of {rate_per_s} a second; give 0 (no limit) or more")
        self._gap_s = 1 / rate_per_s if rate_per_s else 0.0
        self._now_s, self._lock, self._next_s = now_s, Lock(), 0.0

    def wait(self, stop: Event) -> None:
        """Wait for the next permit, or until `stop` is set."""
        if not self._gap_s:
            return
        with self._lock:
            now_s = self._now_s()
            due_s = max(self._next_s, now_s)
            self._next_s = due_s + self._gap_s
        stop.wait(due_s - now_s)


@dataclass(slots=True)
class Backfill:
    """One backfill of a database's certificates. Only one runs at a time, no matter who starts it."""

    database: Database
    local: LocalStorage
    s3: S3Storage
    plan: BackfillPlan = field(default_factory=BackfillPlan)

    def run(
        self, *, stop: Event | None = None, on_progress: Callable[[BackfillProgress], None] = lambda _: None
    ) -> BackfillProgress:
        """Copy what is not marked, batch by batch, and return how it ended; `stop` ends it after what is under way.

        A file that is missing, has not the row's SHA-256, or cannot be stored is a failure: named and left unmarked.
        Raises Conflict where another backfill runs, psycopg.OperationalError where the database goes away.
        """
        stop = stop or Event()
        with (
            alone(self.database, "backfill"),
            ThreadPoolExecutor(self.plan.concurrency, "backfill") as workers,
        ):
            progress = BackfillProgress(self._pending(), resume_after=self.plan.after_id)
            on_progress(progress)
            pacing = Pacing(self.plan.rate_per_s)
            while not stop.is_set() and (rows := self._next(progress.resume_after)):
                copied = list(workers.map(lambda row: self._copy(row, pacing, stop), rows))
                self._mark([each.id for each in copied if not (each.failure or each.skipped)])
                progress = _advanced(progress, copied)
                on_progress(progress)
            return replace(progress, finished=not stop.is_set())

    def _copy(self, row: _Row, pacing: Pacing, stop: Event) -> _Copied:
        try:
            body = self.local.open(row.key)
        except StorageUnavailable as error:
            return _Copied(row.id, failure=str(error))
        found = hashlib.sha256(body).hexdigest()
        if found != row.sha256:
            return _Copied(row.id, failure=f"hash mismatch: {row.key} has {found}, its row {row.sha256}")
        if self.plan.dry_run:
            return _Copied(row.id, len(body), uploaded=True)
        pacing.wait(stop)
        if stop.is_set():
            return _Copied(row.id, skipped=True)
        try:
            return _Copied(row.id, len(body), uploaded=self.s3.add(row.key, body, CONTENT_TYPE))
        except StorageUnavailable as error:
            return _Copied(row.id, failure=str(error))

    def _pending(self) -> int:
        with self.database.connection() as connection:
            row = connection.row(_PENDING, self.plan.after_id)
        return int(row[0]) if row else 0

    def _next(self, after_id: int) -> list[_Row]:
        with self.database.connection() as connection:
            return [_Row(*row) for row in connection.run(_NEXT, after_id, self.plan.batch)]

    def _mark(self, ids: Sequence[int]) -> None:
        if ids and not self.plan.dry_run:
            with self.database.connection() as connection:
                connection.run(_MARK, list(ids))


def _advanced(progress: BackfillProgress, batch: Sequence[_Copied]) -> BackfillProgress:
    copied = [each for each in batch if not each.skipped]
    unbroken = list(takewhile(lambda each: not each.skipped, batch))
    failures = [f"certificate {each.id}: {each.failure}" for each in copied if each.failure]
    uploaded = sum(each.uploaded for each in copied)
    return replace(
        progress,
        uploaded=progress.uploaded + uploaded,
        present=progress.present + len(copied) - uploaded - len(failures),
        failed=progress.failed + len(failures),
        bytes=progress.bytes + sum(each.bytes for each in copied if each.uploaded),
        resume_after=unbroken[-1].id if unbroken else progress.resume_after,
        failures=(progress.failures + tuple(failures))[:_KEPT_FAILURES],
    )

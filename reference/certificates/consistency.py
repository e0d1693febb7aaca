"""The consistency check: what the rows promise against what lies on the local disk and on S3."""

import hashlib
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from reference.certificates.alone import alone
from reference.certificates.local import LocalStorage
from reference.certificates.port import CertificateStorage, ObjectMissing
from reference.certificates.s3 import S3Storage
from reference.database import Database

# One in a hundred: enough to find a systematic fault among thousands, cheap enough for every day.
SHARE = 0.01
_ROWS = """
SELECT id, file_image, certificate_hash, migrated_to_s3_at IS NOT NULL FROM tournament_engine_certificate_certificate
WHERE id > $1 ORDER BY id LIMIT 1000
"""
_KNOWN = "SELECT file_image FROM tournament_engine_certificate_certificate WHERE file_image = ANY($1::text[])"
# What an upload may take between storing its object and writing its row: until then the object looks orphaned.
SETTLE_S = 2.0


@dataclass(frozen=True, slots=True)
class Row:
    """What a certificate's row promises."""

    id: int
    key: str
    sha256: str
    on_s3: bool


@dataclass(frozen=True, slots=True)
class Findings:
    """Keys by what is wrong with them, sorted. Orphans have no row; mismatches have not the row's SHA-256."""

    missing_local: tuple[str, ...]
    missing_s3: tuple[str, ...]
    orphans_local: tuple[str, ...]
    orphans_s3: tuple[str, ...]
    mismatches_local: tuple[str, ...]
    mismatches_s3: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConsistencyReport:
    """Counts of both sides and what is wrong. `marked` rows say that S3 has them; `spot_checked` were read whole."""

    rows: int
    marked: int
    local_objects: int
    s3_objects: int
    spot_checked: int
    findings: Findings

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong. An orphan is waste, not loss, but one that nobody knows of is a fault, too."""
        return not any(getattr(self.findings, name) for name in Findings.__slots__)


@dataclass(slots=True)
class ConsistencyCheck:
    """Reads rows, disk and bucket. Beside live uploads it asks again about whatever looked wrong at first."""

    database: Database
    local: LocalStorage
    s3: S3Storage
    share: float = SHARE
    seed: int = 1
    settle_s: float = SETTLE_S
    on_checked: Callable[[int, int], None] = field(default=lambda done, of: None)

    def run(self) -> ConsistencyReport:
        """Compare, and read a seeded sample (all where `share` is 1) back by SHA-256.

        Raises Conflict if another check is running: one may take longer than the time to the next.
        """
        with alone(self.database, "check"):
            return self._compared()

    def _compared(self) -> ConsistencyReport:
        # Objects first, then rows: an upload in between has its object before its row, so no row looks orphaned.
        local, s3 = set(self.local.keys()), set(self.s3.keys())
        rows = list(self._rows())
        known = {row.key for row in rows}
        chosen = self._sample(rows)
        mismatches = self._mismatches(chosen)
        return ConsistencyReport(
            rows=len(rows),
            marked=sum(row.on_s3 for row in rows),
            local_objects=len(local),
            s3_objects=len(s3),
            spot_checked=len(chosen),
            findings=Findings(
                missing_local=self._still_missing(self.local, known - local),
                missing_s3=self._still_missing(self.s3, {row.key for row in rows if row.on_s3} - s3),
                orphans_local=self._still_orphaned(self.local, local - known),
                orphans_s3=self._still_orphaned(self.s3, s3 - known),
                mismatches_local=mismatches["local"],
                mismatches_s3=mismatches["s3"],
            ),
        )

    def _rows(self) -> Iterator[Row]:
        after_id = 0
        while True:
            with self.database.connection() as connection:
                page = connection.run(_ROWS, after_id)
            if not page:
                return
            yield from (Row(*row) for row in page)
            after_id = page[-1][0]

    def _sample(self, rows: list[Row]) -> list[Row]:
        """At least one where there is any: a check that reads nothing proves nothing."""
        wanted = min(len(rows), max(1, round(len(rows) * self.share)))
        chance = random.Random(self.seed)  # noqa: S311 - which are read shall be repeatable, not secret
        return sorted(chance.sample(rows, wanted), key=lambda row: row.id)

    def _mismatches(self, rows: list[Row]) -> dict[str, tuple[str, ...]]:
        local, s3 = [], []
        for done, row in enumerate(rows, 1):
            if _differs(self.local, row):
                local.append(row.key)
            if row.on_s3 and _differs(self.s3, row):
                s3.append(row.key)
            self.on_checked(done, len(rows))
        return {"local": tuple(sorted(local)), "s3": tuple(sorted(s3))}

    def _still_missing(self, storage: CertificateStorage, keys: set[str]) -> tuple[str, ...]:
        """Ask for each by name: one that was uploaded after the listing is not missing."""
        return tuple(sorted(key for key in keys if not storage.exists(key)))

    def _still_orphaned(self, storage: CertificateStorage, keys: set[str]) -> tuple[str, ...]:
        """Ask once more, after a moment, for rows of these keys: an upload writes its row after its object."""
        if not keys:
            return ()
        time.sleep(self.settle_s)
        with self.database.connection() as connection:
            keys = keys - {row[0] for row in connection.run(_KNOWN, list(keys))}
        return tuple(sorted(key for key in keys if storage.exists(key)))


def _differs(storage: CertificateStorage, row: Row) -> bool:
    """Tell whether the bytes have another SHA-256 than the row; those that are missing are counted elsewhere."""
    try:
        return hashlib.sha256(storage.open(row.key)).hexdigest() != row.sha256
    except ObjectMissing:
        return False

"""Certificate migration: the cut-over from local disk to S3 while certificates are issued and read.

Who: the platform's operators, while its users go on. What: flags off, dual write, backfill, read S3 first, roll back,
each under the same load; the name of a step says the stage, so that each stage has its own latency. Every turn stores
a certificate, then reads one back: its own, or an older one, by presigned link if there is one, else through the
platform. Data: a database schema, a folder and a prefix of the bucket of its own, with certificates from before.
There is no locust user of it: it switches the flags of the very platform that it measures.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from perf.cutover.cutover import STAGES, Cutover, open_cutover
from perf.cutover.memory import MemoryCourse
from perf.invariants import equals
from perf.platform import REFUSALS
from reference.certificates import Flags
from tailguard.engine.iteration import Session
from tailguard.engine.scenario import Scenario
from tailguard.pipeline.world import World
from tailguard.record.samples import Samples
from tailguard.record.scenario import Invariant

# A backfill of so many tells whether its memory grows. Threads and pools take their share during the first thousand: of
# 2,000 it grew by 89 MB after the first tenth, of 10,000 by 5 MB, whose bodies are 20 times the growth allowed.
LONG, MOST_GROWTH_MB = 10_000, 32.0
READERS = 8  # after the last sample, so that 10,000 certificates are read back in a minute or two


def prepare(world: World, settings: Mapping[str, Any]) -> Cutover:
    """Store the certificates from before the cut-over, with all flags off."""
    return open_cutover(world, settings)


def journey(session: Session, platform: Any, data: Cutover) -> None:
    """Store one, read one. The platform is the cut-over's own: its flags change on the way."""
    stage = data.stage_of(session.turn)
    body = data.body(session.turn)
    stored = session.step(f"upload_{stage}", data.upload, session.turn, body)
    if stored is not None:
        session.step(f"read_{stage}", data.read, data.choose(session.turn, stored.id))


def invariants(world: World, data: Cutover, samples: Samples) -> list[Invariant]:
    """Nothing acknowledged is lost or changed, whichever side is read; what is marked is on S3."""
    data.complete()
    data.storage.flags = Flags(dual_write=True, read_primary=True)
    lost_s3, changed_s3 = read_all(data)
    data.storage.flags = Flags()
    lost_local, changed_local = read_all(data)
    report = data.check()
    found = report.findings
    return [
        equals("the walk came to its end: rolled back", expected=STAGES[-1], observed=data.stage),
        equals("every acknowledged certificate reads back, S3 first", expected=0, observed=lost_s3),
        equals("every certificate keeps its SHA-256, S3 first", expected=0, observed=changed_s3),
        equals("rolled back, every certificate reads back from the disk", expected=0, observed=lost_local),
        equals("rolled back, every certificate keeps its SHA-256", expected=0, observed=changed_local),
        equals("the backfill left no certificate behind", expected=report.rows, observed=report.marked),
        equals("S3 holds every certificate that is marked", expected=0, observed=len(found.missing_s3)),
        equals("the disk holds every certificate", expected=0, observed=len(found.missing_local)),
        equals(
            "no certificate differs from its row on either side",
            expected=0,
            observed=len(found.mismatches_local) + len(found.mismatches_s3),
        ),
        orphans_explained(data, len(found.orphans_local), len(found.orphans_s3)),
        *memory_constant(data.copying.memory),
    ]


def memory_constant(memory: MemoryCourse) -> list[Invariant]:
    """A backfill holds a batch, not what it has copied; of a short one nothing can be said."""
    if memory.total < LONG:
        return []
    grown_mb, warm_mb = memory.growth_bytes / 1e6, memory.warm_bytes / 1e6
    return [
        Invariant(
            name="the backfill's memory stayed constant",
            held=grown_mb <= MOST_GROWTH_MB,
            expected=f"at most {MOST_GROWTH_MB:g} MB more than after its first tenth",
            observed=f"{grown_mb:.1f} MB more than {warm_mb:.1f} MB, over {memory.total} certificates",
        )
    ]


def read_all(data: Cutover) -> tuple[int, int]:
    """Read every acknowledged certificate through the platform: (lost, changed)."""
    with ThreadPoolExecutor(READERS, "read-back") as readers:
        found = Counter(readers.map(partial(_read_back, data), data.acknowledged, data.acknowledged.values()))
    return found["lost"], found["changed"]


def _read_back(data: Cutover, certificate_id: int, sha256: str) -> str:
    try:
        body = data.platform.certificates.download(certificate_id)[1]
    except Exception:  # noqa: BLE001  # however it failed to come back, it is lost to its owner
        return "lost"
    return "there" if hashlib.sha256(body).hexdigest() == sha256 else "changed"


def orphans_explained(data: Cutover, local: int, s3: int) -> Invariant:
    """An object without a row is what an upload leaves that failed between the two: no more of them than of these."""
    observed = f"{local} on disk, {s3} on S3"
    held = max(local, s3) <= data.failed_uploads
    return Invariant(
        name="no object without a row but those of failed uploads",
        held=held,
        expected=f"at most {data.failed_uploads}",
        observed=observed,
    )


SCENARIO = Scenario(
    slug="certificate_migration",
    title="Certificate migration",
    steps=tuple(f"{action}_{stage}" for stage in STAGES for action in ("upload", "read")),
    needs=frozenset({"postgres", "s3"}),
    journey=journey,
    prepare=prepare,
    invariants=invariants,
    counters=Cutover.counters,
    refusals=REFUSALS,
)

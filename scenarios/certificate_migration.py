"""Certificate migration: the cut-over from local disk to S3 while certificates are issued and read.

Who: the platform's operators, while its users go on. What: flags off, dual write, backfill, read S3 first, roll back,
each under the same load; the name of a step says the stage, so that each stage has its own latency. Every iteration
stores a certificate, then reads one back: its own, or an older one, by presigned link if there is one, else through the
platform. Data: a database schema, a folder and a prefix of the bucket of its own, with certificates from before.
It is not played over HTTP: it switches the flags of the very platform that it measures.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tailguard as tg
from perf.adapters.choice import IN_PROCESS
from perf.cutover.cutover import STAGES, Cutover, Walk, open_cutover
from perf.cutover.memory import memory_constant
from perf.platform import REFUSALS
from perf.retries import counted
from tailguard.postgres import Postgres
from tailguard.s3 import S3Server


@dataclass(frozen=True, slots=True)
class Settings:
    """What there is before the cut-over, and how fast the backfill may be."""

    legacy: int
    backfill_rate_per_s: float


@tg.fixture(scope="run")
def walk(adapter: str, config: tg.Config, run: tg.Run) -> Walk:
    """How the cut-over is walked."""
    if adapter != IN_PROCESS:
        tg.skip(
            "it switches the flags of the platform that it runs on: use --platform in-process, or follow "
            "docs/how-to/certificates-s3-cutover.md on your own"
        )
    settings = config.read("scenario.certificate_migration", Settings)
    return Walk(
        run.planned["certificate_migration"],
        config.load_of("certificate_migration").warmup,
        settings.legacy,
        settings.backfill_rate_per_s,
        run.seed,
    )


@tg.fixture
def cutover(walk: Walk, postgres: Postgres, s3: S3Server, folder: Path) -> Iterator[Cutover]:
    """A platform of its own, with the certificates from before the cut-over."""
    with open_cutover(walk, postgres, s3, folder / "cutover") as cutover:
        yield cutover


@tg.scenario(
    rate="100/s",
    steps=[f"{action}_{stage}" for stage in STAGES for action in ("upload", "read")],
    refusals=REFUSALS,
)
def certificate_migration(it: tg.Iteration, cutover: Cutover) -> None:
    """Store one, read one."""
    stage = cutover.stage_of(it.number)
    stored = it.step(f"upload_{stage}", counted(cutover.upload), cutover.body(it.number))
    it.step(f"read_{stage}", counted(cutover.read), cutover.choose(it.number, stored.id))


@certificate_migration.invariants
def holds(cutover: Cutover) -> Iterator[tg.Invariant]:
    """Nothing acknowledged is lost or changed, whichever side is read; what is marked is on S3."""
    cutover.complete()
    yield tg.expect("the walk came to its end: rolled back", STAGES[-1], cutover.stage)
    lost, changed = cutover.read_all(s3_first=True)
    yield tg.expect("every acknowledged certificate reads back, S3 first", 0, lost)
    yield tg.expect("every certificate keeps its SHA-256, S3 first", 0, changed)
    lost, changed = cutover.read_all(s3_first=False)
    yield tg.expect("rolled back, every certificate reads back from the disk", 0, lost)
    yield tg.expect("rolled back, every certificate keeps its SHA-256", 0, changed)
    report = cutover.check()
    found = report.findings
    yield tg.expect("the backfill left no certificate behind", report.rows, report.marked)
    yield tg.expect("S3 holds every certificate that is marked", 0, len(found.missing_s3))
    yield tg.expect("the disk holds every certificate", 0, len(found.missing_local))
    differing = len(found.mismatches_local) + len(found.mismatches_s3)
    yield tg.expect("no certificate differs from its row on either side", 0, differing)
    yield cutover.orphans_explained(len(found.orphans_local), len(found.orphans_s3))
    yield from memory_constant(cutover.copying.memory)

"""What somebody may do to a finished run, and what `verify` finds of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from tailguard.base.state import State
from tailguard.compare.verification import verify
from tailguard.record.doubt import Doubt, Grade
from tailguard.record.duet import ExplainedQuery
from tailguard.record.migration import MigrationEntry, QueryEvidence
from tailguard.record.part import Document, Json
from tailguard.record.run import Run
from tailguard.record.run_json import encode
from tailguard.record.run_record import RunRecord
from tailguard.record.samples.parquet import read_samples, write_samples
from tailguard.record.verdict import ProofVerdict

Change = Callable[[RunRecord], RunRecord]


def found_in(run: Run) -> set[str]:
    """Return the places that differ in the run as it is on disk."""
    return {each.where for each in verify(Run.load(run.folder))}


def edit(run: Run, change: Change) -> None:
    """Change run.json as an editor does: its own hash stays what it was."""
    record = change(Run.load(run.folder).record)
    (run.folder / "run.json").write_bytes(encode(record))


def forge(run: Run, change: Change) -> None:
    """Change run.json and mend the hashes of the record and of all files."""
    rewrite(run, change(Run.load(run.folder).record))


def rewrite(run: Run, record: RunRecord) -> None:
    """Put another record in place of the run's, with the right hashes."""
    forged = Run.load(run.folder)
    forged.record = record
    forged.save()


def shorten_the_longest(path: Path) -> None:
    """Let the longest request of a file of samples take 1 ms instead."""
    samples = read_samples(path)
    slug = max(samples, key=lambda name: int((samples[name].ended_ns - samples[name].intended_ns).max()))
    longest = int(np.argmax(samples[slug].ended_ns - samples[slug].intended_ns))
    samples[slug].ended_ns[longest] = samples[slug].started_ns[longest] + 1_000_000
    write_samples(path, samples)


def unchanged(record: RunRecord) -> RunRecord:
    return record


def another_count(record: RunRecord) -> RunRecord:
    """One ok sample more than there is, in the first scenario."""
    slug, entry = next(iter(record.scenarios.items()))
    counts = replace(entry.counts, ok=entry.counts.ok + 1)
    return replace(record, scenarios={**record.scenarios, slug: replace(entry, counts=counts)})


def another_verdict(record: RunRecord, place: int) -> RunRecord:
    """The opposite at one place among the verdicts."""
    verdicts = list(record.verdicts)
    other = State.FAIL if verdicts[place].state is State.PASS else State.PASS
    verdicts[place] = replace(verdicts[place], state=other)
    return replace(record, verdicts=tuple(verdicts))


def verdict_place(record: RunRecord, place: int) -> str:
    """Where `verify` tells that a verdict's state differs."""
    verdict = record.verdicts[place]
    number = f"{verdict.migration} " if isinstance(verdict, ProofVerdict) else ""
    return f"verdicts.{number}{verdict.name}.state"


def no_doubts(record: RunRecord) -> RunRecord:
    return replace(record, doubts=())


def another_doubt(record: RunRecord) -> RunRecord:
    """A doubt more than there is reason for, about the first scenario if there is one."""
    doubt = Doubt(
        kind="impossible_times",
        scenario=next(iter(record.scenarios), None),
        grade=Grade.WARN,
        measured="7 samples ended before they began",
        limit="0 samples",
        remedy="read the clock of the machine that sends",
    )
    return replace(record, doubts=(*record.doubts, doubt))


def laxer_limits(record: RunRecord) -> RunRecord:
    """Clients of each proof may wait ten times as long."""
    return replace(record, migrations=tuple(_with_laxer_limits(entry) for entry in record.migrations))


def _with_laxer_limits(entry: MigrationEntry) -> MigrationEntry:
    assert entry.live is not None
    limits = replace(entry.live.limits, max_wait_ms=10 * entry.live.limits.max_wait_ms)
    return replace(entry, live=replace(entry.live, limits=limits))


def another_recovery(record: RunRecord) -> RunRecord:
    """No failure under any fault."""
    assert record.chaos is not None
    forged = tuple(replace(each, errors=0) for each in record.chaos.recoveries)
    return replace(record, chaos=replace(record.chaos, recoveries=forged))


def another_invariant(record: RunRecord) -> RunRecord:
    """What did not recover in time after a fault is said to have recovered, or the other way round."""
    slug, entry = next(iter(record.scenarios.items()))
    *others, last = entry.invariants
    entry = replace(entry, invariants=(*others, replace(last, held=not last.held)))
    return replace(record, scenarios={**record.scenarios, slug: entry})


def another_plan_of_a_side(record: RunRecord) -> RunRecord:
    """The candidate's query reads ten thousand blocks more."""
    assert record.duet is not None
    candidate = record.duet.sides["candidate"]
    plans = {
        name: ExplainedQuery(document=_with_more_blocks(each.document))
        for name, each in candidate.plans.items()
        if each.document is not None
    }
    sides = {**record.duet.sides, "candidate": replace(candidate, plans=plans)}
    return replace(record, duet=replace(record.duet, sides=sides))


def another_watched(record: RunRecord) -> RunRecord:
    assert record.duet is not None
    watched = tuple(replace(each, state=State.PASS, change=0.0) for each in record.duet.watched)
    return replace(record, duet=replace(record.duet, watched=watched))


def another_quality(record: RunRecord) -> RunRecord:
    assert record.duet is not None
    assert record.duet.quality is not None
    quality = replace(record.duet.quality, false_alarms=record.duet.quality.false_alarms + 1)
    return replace(record, duet=replace(record.duet, quality=quality))


def another_plan_of_a_proof(record: RunRecord) -> RunRecord:
    def forged(evidence: QueryEvidence) -> QueryEvidence:
        return replace(evidence, explained=_with_more_blocks(evidence.explained))

    return _with_migration(record, lambda entry: replace(entry, after=_of(entry.after, forged)))


def other_blocks_of_a_proof(record: RunRecord) -> RunRecord:
    def forged(evidence: QueryEvidence) -> QueryEvidence:
        return replace(evidence, blocks=replace(evidence.blocks, hit=evidence.blocks.hit + 1))

    return _with_migration(record, lambda entry: replace(entry, before=_of(entry.before, forged)))


def another_impact(record: RunRecord) -> RunRecord:
    """One failed request of the writers less, or more, than there was during the first build."""

    def forged(entry: MigrationEntry) -> MigrationEntry:
        assert entry.live is not None
        first, *others = entry.live.builds
        writers = replace(first.impact["writers"], errors=first.impact["writers"].errors + 1)
        first = replace(first, impact={**first.impact, "writers": writers})
        return replace(entry, live=replace(entry.live, builds=(first, *others)))

    return _with_migration(record, forged)


def _with_migration(record: RunRecord, change: Callable[[MigrationEntry], MigrationEntry]) -> RunRecord:
    first, *others = record.migrations
    return replace(record, migrations=(change(first), *others))


def _of(evidence: QueryEvidence | None, change: Callable[[QueryEvidence], QueryEvidence]) -> QueryEvidence:
    assert evidence is not None
    return change(evidence)


def _with_more_blocks(explained: Document | None) -> Document:
    assert explained is not None
    plan = explained.value["Plan"]
    assert isinstance(plan, dict)
    more: dict[str, Json] = {**plan, "Shared Hit Blocks": 10_000}
    return Document({**explained.value, "Plan": more})

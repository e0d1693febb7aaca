"""All verdicts of a soak, from the files of its folder and the rest of its record."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tailguard.base.text_format import ratio
from tailguard.judge.caution import Caution, broken
from tailguard.judge.soak.drifts import drift_verdict
from tailguard.judge.soak.found import Read, read_soak
from tailguard.judge.soak.objectives import objective_verdicts
from tailguard.judge.soak.windows import window_verdicts
from tailguard.record.doubt import UNCHECKED, Doubt, Grade
from tailguard.record.objective import Objectives
from tailguard.record.run_record import RunRecord
from tailguard.record.soak import Soak, SoakFound
from tailguard.record.verdict import DriftVerdict, ObjectiveVerdict, WindowVerdict

# Of the minutes of days a few are noisy on any machine; more than these, and the rest is not trusted either.
_GRAVE_SHARE = 0.05
_LOST, _MISSING = "load_lost", "segments_missing"


def soak_verdicts(
    folder: Path, record: RunRecord, soak: Soak
) -> tuple[ObjectiveVerdict | WindowVerdict | DriftVerdict, ...]:
    """Judge a soak. Raises BrokenRunError if a segment is missing or broken."""
    assert record.objectives is not None  # a soak is judged by those that it began with
    read = read_soak(folder, soak)
    slugs = {item.scenario for item in record.objectives.items} | {*soak.schedules}
    cautions = {slug: _caution(record, record.objectives, slug) for slug in slugs}
    return (
        *objective_verdicts(read, record.objectives, cautions),
        *window_verdicts(read, soak.windows, record.objectives, soak.segment_s, cautions),
        *(drift_verdict(read, limit) for limit in soak.drifts),
    )


def soak_doubts(read: Read, found: SoakFound) -> Iterator[Doubt]:
    """Yield the doubts about segments, each kind once per scenario, and about time without load."""
    warned: Counter[tuple[str, str]] = Counter()
    grave: Counter[tuple[str, str]] = Counter()
    for counters in read.each:
        kinds = {key for key in counters if key.kind == "doubt"}
        warned.update({key[1:3] for key in kinds})
        grave.update({key[1:3] for key in kinds if key.at})
    for (scenario, kind), segments in sorted(warned.items()):
        yield _of_segments(scenario, kind, segments, grave[scenario, kind], found.segments)
    yield from _of_time(found)


def _of_segments(scenario: str, kind: str, segments: int, grave: int, total: int) -> Doubt:
    is_grave = grave > _GRAVE_SHARE * total
    return Doubt(
        kind=kind,
        scenario=scenario or None,
        grade=Grade.GRAVE if is_grave else Grade.WARN if segments > _GRAVE_SHARE * total else Grade.NOTE,
        measured=f"in {segments} of {total} segments, in {grave} of them gravely",
        limit=f"grave in at most {ratio(_GRAVE_SHARE)} of the segments",
        remedy="the segments' counters say which; for what to do, see the doubt of this kind in a `tailguard run`",
    )


def _changes(count: int) -> str:
    return "1 change" if count == 1 else f"{count} changes"


def _of_time(found: SoakFound) -> Iterator[Doubt]:
    if found.gaps:
        yield Doubt(
            kind=_LOST,
            scenario=None,
            grade=Grade.WARN,
            measured=f"{sum(gap.seconds for gap in found.gaps):.1f} s without load at {_changes(len(found.gaps))} of "
            f"leaders: {sum(gap.iterations for gap in found.gaps):,} iterations were never sent",
            limit="no time without load",
            remedy="a segment that a leader did not finish is lost with it: a shorter soak.segment_s loses less",
        )
    if found.missing:
        yield Doubt(
            kind=_MISSING,
            scenario=None,
            grade=Grade.GRAVE,
            measured=f"{found.missing} numbers have no segment",
            limit="one segment for each number",
            remedy="restore the files of segments/",
        )


def _caution(record: RunRecord, objectives: Objectives, slug: str) -> Caution:
    doubts = [each for each in record.doubts if each.scenario in {None, slug}]
    return Caution(
        [
            *([] if record.complete else [f"the soak is incomplete: {record.why_incomplete}"]),
            *(doubt.sentence for doubt in doubts if doubt.grade is Grade.GRAVE),
            *broken(record.invariants),
        ],
        [doubt.measured for doubt in doubts if doubt.kind == UNCHECKED],
        slug if slug in objectives.unasked else "",
    )

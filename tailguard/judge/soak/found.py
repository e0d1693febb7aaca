"""What follows from the files of a soak: sums over its segments, gaps between leaders, what is kept of samples."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tailguard.judge.soak.counting import total
from tailguard.judge.soak.joining import Joined, gaps_of, joined
from tailguard.record.samples import CONFLICT, ERROR, OK
from tailguard.record.scenario import Counts
from tailguard.record.soak import Soak, SoakFound, SoakScenario, SoakStep
from tailguard.record.soak.segments import RAW, Counters, Key, Segment, SegmentHead, segment_files
from tailguard.record.soak.times import bucket_ms, quantile_ms, times_of

# Of a segment, all but the histograms: what is looked at segment by segment.
_SUMMED = frozenset({"time", "value", "outcome", "retried", "error"})


@dataclass(frozen=True, slots=True)
class Read:
    """A soak read once: the sums of all segments, and of each one what is looked at by itself."""

    joined: Joined
    heads: tuple[SegmentHead, ...]
    sums: Counters
    each: tuple[Counters, ...]
    medians: tuple[Mapping[tuple[str, str], float], ...]


def read_soak(folder: Path, soak: Soak) -> Read:
    """Read all segments that count. Raises BrokenRunError for one that is broken."""
    files = joined(folder, soak.terms)
    heads, each, medians = [], [], []
    sums: Counter[Key] = Counter()
    for segment in files.segments():
        heads.append(segment.head)
        sums.update(total([segment.counters]))
        each.append({key: n for key, n in segment.counters.items() if key.kind not in _SUMMED})
        medians.append(_medians(segment))
    return Read(files, tuple(heads), sums, tuple(each), tuple(medians))


def found_in(folder: Path, soak: Soak, read: Read) -> SoakFound:
    """Return what follows from the files."""
    covered_s = sum(head.ended_s - head.began_s for head in read.heads)
    due = sum(n for key, n in read.sums.items() if key.kind == "due")
    gaps, between_s = gaps_of(read.heads, due / covered_s if covered_s else 0.0, soak)
    numbers = [head.number for head in read.heads]
    slugs = dict.fromkeys(key.scenario for key in sorted(read.sums) if key.kind == "outcome")
    return SoakFound(
        segments=len(numbers),
        missing=max(numbers, default=-1) + 1 - len(numbers),
        covered_s=covered_s,
        between_s=between_s,
        gaps=gaps,
        refused=read.joined.refused,
        scenarios={slug: _scenario(read.sums, slug) for slug in slugs},
        raw_segments=len([*segment_files(folder / RAW)]),
        exceedances_kept=int(read.sums.get(Key("beyond", name="kept"), 0)),
        exceedances_dropped=int(read.sums.get(Key("beyond", name="dropped"), 0)),
    )


def _medians(segment: Segment) -> dict[tuple[str, str], float]:
    places = dict.fromkeys(key[1:3] for key in segment.counters if key.kind == "time")
    found = {place: quantile_ms(times_of(segment.counters, *place), 0.5) for place in places}
    return {place: value for place, value in found.items() if value is not None}


def _scenario(sums: Counters, slug: str) -> SoakScenario:
    steps = dict.fromkeys(key.name for key in sorted(sums) if key.kind == "outcome" and key.scenario == slug)
    return SoakScenario(
        due=int(sums.get(Key("due", slug), 0)), steps={step: _step(sums, slug, step) for step in steps}
    )


def _step(sums: Counters, slug: str, step: str) -> SoakStep:
    ok, conflict, error = (
        int(sums.get(Key("outcome", slug, step, code), 0)) for code in (OK, CONFLICT, ERROR)
    )
    times = times_of(sums, slug, step)
    return SoakStep(
        counts=Counts(total=ok + conflict + error, ok=ok, conflict=conflict, error=error),
        retried=int(sums.get(Key("retried", slug, step), 0)),
        p50_ms=quantile_ms(times, 0.5),
        p95_ms=quantile_ms(times, 0.95),
        p99_ms=quantile_ms(times, 0.99),
        max_ms=bucket_ms(max(times)) if times else None,
    )

"""Which segments of a soak count: one of each number, by who led then. A late write of an older leader does not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tailguard.record.files import naming_broken
from tailguard.record.run_json import decode
from tailguard.record.soak import Gap, RefusedSegment, Soak, SoakTerm
from tailguard.record.soak.segments import SEGMENTS, TERMS, Segment, SegmentHead, read_segment, segment_files


@dataclass(frozen=True, slots=True)
class Joined:
    """The paths of the segments that count, in order of their numbers, and the files that do not."""

    paths: tuple[Path, ...]
    refused: tuple[RefusedSegment, ...]

    def segments(self) -> Iterator[Segment]:
        """Read one after the other, so that memory does not grow. Raises BrokenRunError for one that is broken."""
        yield from map(read_segment, self.paths)


def terms_in(folder: Path) -> tuple[SoakTerm, ...]:
    """Return the terms of a soak in order of their fences. Raises BrokenRunError for a file that is not one."""
    found = []
    for path in sorted((folder / TERMS).glob("*.json")):
        with naming_broken(path):
            found.append(decode(path.read_bytes(), SoakTerm))
    return tuple(sorted(found, key=lambda each: each.fence))


def joined(folder: Path, terms: Sequence[SoakTerm]) -> Joined:
    """Join what is in a soak's folder."""
    kept: dict[int, Path] = {}
    refused = []
    for number, fence, path in segment_files(folder / SEGMENTS):
        why = _why_refused(number, fence, terms)
        if why:
            refused.append(RefusedSegment(file=f"{SEGMENTS}/{path.name}", fence=fence, why=why))
        else:
            kept[number] = path
    return Joined(tuple(kept[number] for number in sorted(kept)), tuple(refused))


def gaps_of(heads: Sequence[SegmentHead], per_s: float, soak: Soak) -> tuple[tuple[Gap, ...], float]:
    """Return the times without load between two leaders, at `per_s` iterations due, and the seconds between others.

    Overlaps, which a moved clock of the server makes, are no time. A leader that came too late to play a segment has
    the rest of the soak.
    """
    gaps, between_s = [], 0.0
    for before, after in pairwise(heads):
        if before.fence == after.fence:
            between_s += max(after.began_s - before.ended_s, 0.0)
        else:
            gaps.append(_gap(before, after.fence, after.began_s, per_s))
    if heads and soak.terms and heads[-1].fence < soak.terms[-1].fence:
        gaps.append(_gap(heads[-1], soak.terms[-1].fence, soak.seconds, per_s))
    return tuple(gaps), between_s


def _gap(before: SegmentHead, fence: int, until_s: float, per_s: float) -> Gap:
    seconds = max(until_s - before.ended_s, 0.0)
    return Gap(
        fence=fence,
        after_segment=before.number,
        began_s=before.ended_s,
        seconds=seconds,
        iterations=round(seconds * per_s),
    )


def _why_refused(number: int, fence: int, terms: Sequence[SoakTerm]) -> str:
    """Say why a segment of that number does not count; "" if it does."""
    own = next((each for each in terms if each.fence == fence), None)
    if own is None or number < own.first_segment:
        return f"no leader with fence {fence} wrote segment {number}"
    later = next((each for each in terms if each.fence > fence and each.first_segment <= number), None)
    if later is not None:
        return f"written with the older fence {fence}, after {later.owner} led with fence {later.fence}"
    return ""

"""A soak in words: its steps, its leaders, the load that was lost, what is kept of its samples."""

from collections.abc import Iterator

from tailguard.base.text_format import byte_size, count, duration_ms, duration_s
from tailguard.record.soak import Soak, SoakFound


def steps_of(found: SoakFound) -> Iterator[tuple[str, ...]]:
    """Yield scenario, step, ok, conflicts, errors, p50, p95, p99 and the maximum of each step."""
    for slug, scenario in found.scenarios.items():
        for name, step in scenario.steps.items():
            times = map(duration_ms, (step.p50_ms, step.p95_ms, step.p99_ms, step.max_ms))
            counts = map(count, (step.counts.ok, step.counts.conflict, step.counts.error))
            yield slug, name, *counts, *times


def measured_of(found: SoakFound) -> Iterator[tuple[str, str, str]]:
    """Yield the steps as lines of a terminal: name, times, counts."""
    for slug, name, ok, conflicts, errors, *times in steps_of(found):
        shown = ", ".join(f"{q} {ms}" for q, ms in zip(("p50", "p95", "p99", "max"), times, strict=True))
        counts = ((ok, "ok"), (conflicts, "conflict"), (errors, "error"))
        yield f"{slug} {name}", shown, ", ".join(f"{n} {word}" for n, word in counts if n != "0")


def leaders_of(soak: Soak) -> Iterator[tuple[str, str, str]]:
    """Yield the leaders as lines of a terminal: fence, when and who, the load lost before; none without a lease."""
    for fence, owner, began, first, witness, lost in terms_of(soak) if soak.lease else ():
        yield (
            f"fence {fence}",
            f"after {began}, from segment {first}, {owner}",
            f"lost before: {lost}; {witness}",
        )


def terms_of(soak: Soak) -> Iterator[tuple[str, ...]]:
    """Yield fence, owner, when it began, its first segment, its second witness and the load lost before it."""
    gaps = {gap.fence: gap for gap in soak.found.gaps} if soak.found else {}
    for term in soak.terms:
        gap = gaps.get(term.fence)
        lost = f"{duration_s(gap.seconds)}, {count(gap.iterations)} iterations" if gap else "none"
        began = duration_s(term.began_s - soak.terms[0].began_s)
        yield str(term.fence), term.owner, began, str(term.first_segment), term.witness, lost


def kept_of(soak: Soak, found: SoakFound) -> str:
    """Say what is kept of the samples, and what is not."""
    told = (
        f"Counters of all {count(found.segments)} segments are kept; the samples of {count(found.raw_segments)}"
        f" segments are kept whole; {count(found.exceedances_kept)} that failed or were beyond a limit are kept."
    )
    if found.exceedances_dropped:
        room = byte_size(50 << 20)
        told += f" {count(found.exceedances_dropped)} more had no room within {room}: they are counted alone."
    between = (
        f" {duration_s(found.between_s)} passed between segments of one leader, while they were written."
    )
    return told + (between if found.between_s else "")

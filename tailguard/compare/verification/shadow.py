"""Whether the record of a shadow run follows from its files."""

from collections.abc import Iterator

from tailguard.compare.shadow.verdicts import compare_shadow
from tailguard.compare.verification.difference import Difference, differences, list_differences
from tailguard.record.run import Run
from tailguard.record.shadow import CANDIDATE, PRIMARY


def verify_shadow(run: Run) -> Iterator[Difference]:
    """Compare both sides again; raise UsageError if a raw file is missing or broken."""
    shadow = run.record.shadow
    if shadow is None:
        return
    found = compare_shadow(run, shadow)
    yield from list_differences(shadow.differences, found.differences, "shadow.differences")
    yield from list_differences(shadow.watched, found.watched, "shadow.watched")
    yield from list_differences(run.record.doubts, found.doubts, "doubts")
    counts = shadow.counts
    followed = counts.compared + counts.dropped + counts.too_large + counts.pending
    yield from differences(counts.answered, followed, "shadow.counts.answered")
    for side in (PRIMARY, CANDIDATE) if run.record.scenarios else ():
        n = run.record.scenarios[side].counts.total if side in run.record.scenarios else 0
        yield from differences(counts.compared, n, f"scenarios.{side}.counts.total")

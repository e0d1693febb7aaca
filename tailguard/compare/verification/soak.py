"""Whether the record of a soak follows from its folder: terms, sums of the segments, doubts about them."""

from collections.abc import Iterator

from tailguard.compare.verification.difference import Difference, list_differences, part_differences
from tailguard.judge.soak.found import found_in, read_soak
from tailguard.judge.soak.joining import terms_in
from tailguard.judge.soak.verdicts import soak_doubts
from tailguard.record.run import Run


def verify_soak(run: Run) -> Iterator[Difference]:
    """Sum up again; raise BrokenRunError if a segment is missing or broken."""
    soak = run.record.soak
    if soak is None or soak.found is None:
        return
    yield from list_differences(soak.terms, terms_in(run.folder), "soak.terms")
    read = read_soak(run.folder, soak)
    found = found_in(run.folder, soak, read)
    yield from part_differences(soak.found, found, "soak.found")
    again = [*soak_doubts(read, found)]
    yield from list_differences(run.record.doubts[: len(again)], again, "doubts")

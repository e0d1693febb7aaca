"""Doubts about a shadow run: what the candidate was not asked, or the primary did not answer."""

from collections.abc import Iterator

from tailguard.base.text_format import ratio
from tailguard.record.doubt import Doubt, Grade
from tailguard.record.shadow import ShadowCounts

# Requests that are left out by the candidate's own slowness, or by chance, say little below this.
_MOST_DROPPED = 0.01
# Beyond this share of large answers the compared ones are no picture of all.
_MOST_LARGE = 0.10


def shadow_doubts(counts: ShadowCounts) -> Iterator[Doubt]:
    """Yield what stands against the comparison of a shadow run."""
    answered = max(counts.answered, 1)
    if counts.dropped:
        grave = counts.dropped_writes or counts.dropped > _MOST_DROPPED * answered
        yield _doubt(
            "requests_dropped",
            f"{counts.dropped:,} of {counts.answered:,} requests were not repeated, {counts.dropped_writes:,} of them "
            "writes",
            f"no write, and {ratio(_MOST_DROPPED)} of the requests",
            "the candidate had too many requests without an answer: its data differ from the primary's once it misses "
            "a write. Copy its database anew, and give it less traffic or more capacity",
            Grade.GRAVE if grave else Grade.WARN,
        )
    if counts.too_large:
        yield _doubt(
            "not_repeated",
            f"{counts.too_large:,} requests or answers were larger than 1 MiB: they were passed on, not repeated",
            f"{ratio(_MOST_LARGE)} of the requests",
            "compare those routes apart, such as by `tailguard duet`",
            Grade.WARN if counts.too_large > _MOST_LARGE * answered else Grade.NOTE,
        )
    if counts.unreadable:
        yield _doubt(
            "connections_not_read",
            f"{counts.unreadable:,} connections went on in another protocol than HTTP/1.1, such as WebSocket",
            "none",
            "what they say was passed on, and is not compared",
            Grade.NOTE,
        )
    if lost := counts.unanswered + counts.unreachable:
        yield _doubt(
            "primary_failed",
            f"{lost:,} requests or connections had no answer of the primary's",
            "none",
            "users who go away make some; else look at the primary",
            Grade.WARN,
        )


def _doubt(kind: str, measured: str, limit: str, remedy: str, grade: Grade) -> Doubt:
    return Doubt(kind=kind, scenario=None, grade=grade, measured=measured, limit=limit, remedy=remedy)

"""A canary of the dual write, measured: what both groups stored, before it and with it, and what that says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from reference.certificates.canary.control import CanaryControl, CanaryState, Times, in_canary
from reference.database import Database
from tailguard.kit import ChangeVerdict, Group, Period, State, compare_canary, worst

# What S3 may cost an upload beside the disk: the platform promises 75 ms at p95, and its disk takes some of them.
MOST_MS = 50.0

_STORED = """
SELECT extract(epoch FROM generated_at)::double precision, stored_by, stored_ms::double precision, s3_write
FROM tournament_engine_certificate_certificate
WHERE stored_by IS NOT NULL AND generated_at >= $1 AND generated_at < coalesce($2, 'infinity'::timestamptz)
ORDER BY generated_at
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """One upload: when it ended, in s; by which worker; what storing took; and S3's part, None if it was not asked."""

    at_s: float
    worker: str
    ms: float
    s3_write: str | None


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """What a group did since the canary writes to S3. `failures` are uploads that S3 was to take and did not."""

    uploads: int
    p50_ms: float | None
    p95_ms: float | None
    failures: int


@dataclass(frozen=True, slots=True)
class CanaryStatus:
    """Where a canary is. `behind` names the workers that do not act on the present state yet."""

    state: CanaryState
    canary: Sequence[str]
    rest: Sequence[str]
    behind: Sequence[str]
    figures: tuple[GroupFigures, GroupFigures] | None
    changes: Sequence[ChangeVerdict]
    why_invalid: str = ""

    @property
    def verdict(self) -> State:
        """What follows of all changes; INVALID before anything was measured."""
        return State.INVALID if self.why_invalid else worst(each.state for each in self.changes)


def canary_status(database: Database, most_ms: float = MOST_MS) -> CanaryStatus:
    """Read the state, the workers and what both groups stored, and judge the change."""
    control = CanaryControl(database)
    state, times, workers = control.state(), control.times(), control.workers()
    names = [name for name, _ in workers]
    before, during = _stored(database, times)
    figures, changes, why = None, [], "the canary has not begun to write to S3"
    if times.writing is not None:
        why = _wrong(during, state.share)
        periods = _period(before, state.share), _period(_acting(during, state.share), state.share)
        figures = _figures(periods[1].canary), _figures(periods[1].rest)
        changes = [] if why else compare_canary("certificates", "store", *periods, most_ms)
    return CanaryStatus(
        state=state,
        canary=[name for name in names if in_canary(name, state.share)],
        rest=[name for name in names if not in_canary(name, state.share)],
        behind=[name for name, follows in workers if follows != state.number],
        figures=figures,
        changes=changes,
        why_invalid=why,
    )


def _stored(database: Database, times: Times) -> tuple[list[Stored], list[Stored]]:
    """Return what was stored while the canary observed, and since it writes."""

    def between(begin: datetime | None, end: datetime | None) -> list[Stored]:
        if begin is None:
            return []
        with database.connection() as connection:
            return [Stored(*row) for row in connection.run(_STORED, begin, end)]

    return between(times.observing, times.writing), between(times.writing, times.ended)


def _acting(during: Sequence[Stored], share: float) -> list[Stored]:
    """Leave out what the canary stored before it heard that it writes."""
    return [each for each in during if each.s3_write is not None or not in_canary(each.worker, share)]


def _wrong(during: Sequence[Stored], share: float) -> str:
    others = {each.worker for each in during if each.s3_write and not in_canary(each.worker, share)}
    if others:
        names = ", ".join(sorted(others))
        return f"{names} write to S3, too, and are not of the canary: is CERT_S3_DUAL_WRITE on there?"
    return ""


def _period(stored: Sequence[Stored], share: float) -> Period:
    canary = [each for each in stored if in_canary(each.worker, share)]
    return Period(_group(canary), _group([each for each in stored if not in_canary(each.worker, share)]))


def _group(stored: Sequence[Stored]) -> Group:
    return Group(
        np.array([each.at_s for each in stored], float),
        np.array([each.ms for each in stored], float),
        np.array([each.s3_write == "failed" for each in stored], bool),
    )


def _figures(group: Group) -> GroupFigures:
    p50, p95 = (
        float(np.percentile(group.ms, q, method="inverted_cdf")) if len(group) else None for q in (50, 95)
    )
    return GroupFigures(len(group), p50, p95, int(group.failed.sum()))

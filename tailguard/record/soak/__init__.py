"""A soak: what was asked, who led, and what follows from its segments.

What is counted in `segments/` is summed up in `found`, which `verify` computes again.
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from tailguard.record.objective import Objective
from tailguard.record.part import Count, Part, Positive
from tailguard.record.scenario import Counts, Invariant, Schedule

Reading: TypeAlias = Literal[
    "latency",
    "memory",
    "open files",
    "connections",
    "table bytes per row",
    "index bytes per row",
    "dead tuples",
    "WAL per minute",
]

# What a slope counts in an hour.
UNITS: Mapping[Reading, str] = {
    "latency": "ms",
    "memory": "MB",
    "open files": "files",
    "connections": "connections",
    "table bytes per row": "bytes",
    "index bytes per row": "bytes",
    "dead tuples": "rows",
    "WAL per minute": "MB",
}


class WindowLimit(Part, frozen=True, kw_only=True):
    """An objective that every window of `over_s` must keep."""

    name: str
    objective: Objective
    over_s: Positive


class DriftLimit(Part, frozen=True, kw_only=True):
    """The most that a reading may grow by in an hour: in its own unit, or as a `relative` share of its mean.

    `scenario` and `step` are a latency's, which is the median in ms; "" of the other readings.
    """

    name: str
    reading: Reading
    scenario: str = ""
    step: str = ""
    most_per_hour: Positive
    relative: bool = False

    @property
    def unit(self) -> str:
        """What a slope of it is told in."""
        return "%" if self.relative else UNITS[self.reading]


class LeaseUsed(Part, frozen=True, kw_only=True):
    """The row in PostgreSQL that says who leads."""

    name: str
    ttl_s: Positive


class SoakTerm(Part, frozen=True, kw_only=True):
    """A time as leader, as `terms/FENCE.json` has it.

    `began_s` is the server's clock, in seconds since 1970; without a lease it is 0. `first_segment` is the number of
    its first segment: a segment of that number or a higher one with an older fence was written too late.
    """

    fence: Count
    owner: str
    witness: str
    began_s: float
    first_segment: Count


class RefusedSegment(Part, frozen=True, kw_only=True):
    """A file in `segments/` that is not counted, and why."""

    file: str
    fence: Count
    why: str


class Gap(Part, frozen=True, kw_only=True):
    """A time without load between two leaders, and the iterations that would have been due."""

    fence: Count
    after_segment: Count
    began_s: float
    seconds: float
    iterations: Count


class SoakStep(Part, frozen=True, kw_only=True):
    """A timed step over all segments. A quantile is the upper bound of its bucket: at most 1 % too high."""

    counts: Counts
    retried: Count
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None


class SoakScenario(Part, frozen=True, kw_only=True):
    """A scenario over all segments."""

    due: Count
    steps: Mapping[str, SoakStep]


class SoakFound(Part, frozen=True, kw_only=True):
    """What follows from the files of a soak.

    `missing` are numbers of segments that no file has. `between_s` is the time between segments of one leader, in
    which they are written. `raw_segments` still have their samples. `exceedances_dropped` are samples beyond a limit
    that had no room.
    """

    segments: Count
    missing: Count
    covered_s: float
    between_s: float
    gaps: tuple[Gap, ...]
    refused: tuple[RefusedSegment, ...]
    scenarios: Mapping[str, SoakScenario]
    raw_segments: Count
    exceedances_kept: Count
    exceedances_dropped: Count


class Soak(Part, frozen=True, kw_only=True):
    """The part of a record that only a soak has; `found` is None until it has ended."""

    seconds: Positive
    segment_s: Positive
    lease: LeaseUsed | None
    schedules: Mapping[str, Schedule]
    windows: tuple[WindowLimit, ...] = ()
    drifts: tuple[DriftLimit, ...] = ()
    terms: tuple[SoakTerm, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    found: SoakFound | None = None

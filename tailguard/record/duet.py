"""A comparison of two sides in pairs of fresh processes. Its verdicts are among the run's."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias, get_args

from msgspec import Meta

from tailguard.base.state import State
from tailguard.record.objective import Margins
from tailguard.record.part import Count, Document, Part, Share, Utc
from tailguard.record.verdict import ChangeVerdict

SideName: TypeAlias = Literal["baseline", "candidate"]


class ExplainedQuery(Part, frozen=True, kw_only=True):
    """EXPLAIN's document of a migration's query, with the migration applied; or the error that came instead."""

    document: Document | None
    error: str = ""


class DuetSide(Part, frozen=True, kw_only=True):
    """What a side is, for people; then, from its first block, where its code was loaded from and its faults.

    `plans` are by the migration's slug.
    """

    label: str
    platform: str = ""
    faults: tuple[str, ...] = ()
    plans: Mapping[str, ExplainedQuery] = {}


class CommitLine(Part, frozen=True, kw_only=True):
    """A commit by its hash, its day and the first line of its message."""

    sha: str
    day: str
    subject: str


class Budget(Part, frozen=True, kw_only=True):
    """How long a duet may go on."""

    pairs: Count
    minutes: float


class Block(Part, frozen=True, kw_only=True):
    """One pair of processes, of which `first` began.

    The files are relative to the run's folder, and in its `files`.
    """

    number: Count
    first: SideName
    wall_s: float
    files: Mapping[SideName, str]


class DuetTime(Part, frozen=True, kw_only=True):
    """Where the time of all pairs went, in seconds of the wall clock; `other_s` is what was not measuring."""

    wall_s: float
    measuring_s: float
    other_s: float
    starts_s: float
    seeding_s: float
    checks_s: float


class Quality(Part, frozen=True, kw_only=True):
    """How good the gate is on this machine, from `duets` simulated ones of `pairs` pairs each.

    `false_alarms` of those with the same code; `found` of those with one metric slower by `injected` (a share)
    found it, in `found_in` pairs at the median; `least_seen` is the change seen 90 % of the time, by metric.
    """

    duets: Count
    pairs: Count
    false_alarms: Count
    injected: float
    found: Count
    found_in: Count | None
    least_seen: Mapping[str, float]


class CalibrationDuet(Part, frozen=True, kw_only=True):
    """One of the two duets that put a gate to the test."""

    run: str
    state: State
    pairs: Count
    quality: Quality | None


class Calibration(Part, frozen=True, kw_only=True):
    """The gate put to the test on this machine: with the same code, and with code made slower by `fault`."""

    created_utc: Utc
    machine: str
    profile: str
    scenarios: tuple[str, ...]
    fault: str
    same_code: CalibrationDuet
    slower: CalibrationDuet


class Claim(Part, frozen=True, kw_only=True):
    """What somebody said that the candidate gains: a metric changes by `change`, -0.6 for 60 % less.

    It is the quantile `q` of a step, or (q is None) the scenario's share of errors and refusals. `source` says who said
    it and where.
    """

    title: str
    scenario: str
    step: str
    q: Share | None
    change: Annotated[float, Meta(gt=-1, lt=0)]
    source: str


class LoadTrial(Part, frozen=True, kw_only=True):
    """What another run of an experiment said of its claim at another load; None if it is unbounded."""

    run: str
    rate_per_s: float
    state: State
    change: float | None
    low: float | None
    high: float | None


class Duet(Part, frozen=True, kw_only=True):
    """The part of the record that only a duet has.

    `looks` are the numbers of pairs at which it could end. `watched` are the comparisons that were not gated: the
    gated ones are verdicts. `commits` are those that the candidate has and the baseline has not, newest first, and
    `older_commits` counts those beyond them. `discarded` are the blocks that were lost, with the end of their logs.
    `quality` is None with too few pairs, `time` before the end. With a `claim` that is what is judged, and errors and
    refusals; other times are watched. An experiment at several loads is a run for each: this one has `rate_per_s`, and
    `earlier_loads` were tried before it.
    """

    sides: Mapping[SideName, DuetSide]
    budget: Budget
    margins: Margins
    looks: tuple[int, ...]
    commits: tuple[CommitLine, ...] = ()
    older_commits: Count = 0
    blocks: tuple[Block, ...] = ()
    watched: tuple[ChangeVerdict, ...] = ()
    discarded: tuple[str, ...] = ()
    time: DuetTime | None = None
    quality: Quality | None = None
    calibration: Calibration | None = None
    claim: Claim | None = None
    rate_per_s: float | None = None
    earlier_loads: tuple[LoadTrial, ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError if one side is there without the other. There is none if they could not be opened."""
        missing = {*get_args(SideName)} - {*self.sides}
        if self.sides and missing:
            raise ValueError(f"a duet has two sides; the {min(missing)} is missing")

"""The proof of a SQL file: what each statement locks and does, whom it stalls, and the safe way beside it.

Raw facts alone: what they say is a `ProofVerdict` for each question, in the run's verdicts.
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from tailguard.record.migration import Client, ClientImpact, WaitLimits
from tailguard.record.part import Count, Part

How: TypeAlias = Literal["once", "retry", "release"]
# This many changed rows are a backfill: other writers of these rows wait until the commit.
MANY_ROWS = 1_000


class HeldLock(Part, frozen=True, kw_only=True):
    """A lock on a relation that was there before; `mode` is PostgreSQL's own word, such as AccessExclusiveLock."""

    relation: str
    mode: str


class Observation(Part, frozen=True, kw_only=True):
    """What a statement did, executed once with nobody else at work.

    `locks` are those that it took and the statements of its transaction before it had not. `rewritten` are the tables
    with new files, `scanned` those that it read in whole, `changed_rows` the rows that it wrote of each. Sizes are
    of all tables that were there, with their indexes, in bytes. One that `commits` while it works holds nothing for
    its whole length.
    """

    locks: tuple[HeldLock, ...]
    rewritten: tuple[str, ...]
    scanned: tuple[str, ...]
    changed_rows: Mapping[str, Count]
    seconds: float
    wal_bytes: Count
    bytes_before: Count
    bytes_after: Count
    commits: bool = False

    @property
    def grows_with(self) -> frozenset[str]:
        """The tables that its time grows with."""
        changed = (name for name, rows in self.changed_rows.items() if rows >= MANY_ROWS)
        return frozenset() if self.commits else frozenset((*self.rewritten, *self.scanned, *changed))

    @property
    def grows(self) -> bool:
        """Whether its time grows with a table."""
        return bool(self.grows_with)


class ProvedStatement(Part, frozen=True, kw_only=True):
    """A statement of the file, the line of its first word, and which kind of statement it is, "" if none we know."""

    line: Count
    text: str
    kind: str
    observed: Observation


class Trial(Part, frozen=True, kw_only=True):
    """One execution of a step while clients went on, behind a long transaction on each of its tables.

    `window` is the name of its samples in live.parquet, `started_ns` on their clock. `attempts` counts those that
    `lock_timeout` ended too; `failed` says what ended it, "" for success. `left` are the indexes that are INVALID
    after it.
    """

    window: str
    started_ns: int
    seconds: float
    attempts: Count
    failed: str
    impact: Mapping[Client, ClientImpact]
    left: tuple[str, ...] = ()


class SafeStatement(Part, frozen=True, kw_only=True):
    """A statement of the safe way: executed once, or retried under a lock timeout.

    The text of a `release` is not SQL: it says what the application has to do first.
    """

    how: How
    text: str


class SafeWay(Part, frozen=True, kw_only=True):
    """What to execute instead. Without statements `why` says why there is no such way."""

    statements: tuple[SafeStatement, ...]
    why: str
    trials: tuple[Trial, ...] = ()


class GrowthRun(Part, frozen=True, kw_only=True):
    """One more execution of a step with nobody else at work: rows of the table, seconds of each statement."""

    rows: Count
    seconds: tuple[float, ...]


class DdlStep(Part, frozen=True, kw_only=True):
    """Statements that are committed together, by `number` of their order in the file.

    `growth` are runs on copies of other sizes of the table `grows_by`, which its time grows with; none if it does not
    grow, or there is no larger table to predict it for. `tables` are those that the clients worked on, `unused` those
    that no client uses yet, such as a partition before it is attached; `left_out` says what of the load could not be
    made. `safe` is None if the step needs no other way.
    """

    number: str
    transaction: bool
    statements: tuple[ProvedStatement, ...]
    tables: tuple[str, ...]
    unused: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    grows_by: str = ""
    growth: tuple[GrowthRun, ...] = ()
    baseline: Mapping[Client, ClientImpact] = {}
    baseline_window: str = ""
    trials: tuple[Trial, ...] = ()
    control: Trial | None = None
    safe: SafeWay | None = None

    @property
    def act(self) -> str:
        """What is done under load, in a word."""
        return "run"


class TableSize(Part, frozen=True, kw_only=True):
    """How many rows a table has here, and in the database that the file is meant for."""

    rows: Count
    real_rows: Count

    @property
    def factor(self) -> float:
        """How many times longer takes there what grows with the table."""
        return max(self.real_rows / self.rows, 1.0) if self.rows else 1.0


class DdlProof(Part, frozen=True, kw_only=True):
    """The part of the record that only the proof of a SQL file has.

    `tables` are the sizes of all tables by name. `front_s` is how long the transaction stays open that each trial
    meets. `unproved` says why it broke off, "" for complete.
    """

    file: str
    postgres: str
    tables: Mapping[str, TableSize]
    rate_per_s: float
    front_s: float
    lock_timeout_ms: Count
    limits: WaitLimits = WaitLimits()
    steps: tuple[DdlStep, ...] = ()
    left_out: tuple[str, ...] = ()
    unproved: str = ""

    @property
    def largest(self) -> TableSize:
        """The size of the largest table."""
        return max(self.tables.values(), key=lambda size: size.rows, default=TableSize(rows=0, real_rows=0))

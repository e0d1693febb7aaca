"""What was measured of one scenario: its load, its counts, its quantiles, where the server's time went."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, TypeAlias

from tailguard.record.part import Count, Part, Positive, Quantiles, Sha256


class ScenarioEnded(StrEnum):
    """Why a scenario ended; RUNNING while it has not."""

    RUNNING = ""
    DECIDED = "decided"
    MAX_SAMPLES = "max_samples"
    MAX_SECONDS = "max_seconds"
    ROWS_USED_UP = "rows used up"
    SCHEDULE_ENDED = "schedule ended"
    STOPPED = "stopped"  # by an order of `tailguard control`
    RUN_TIME = "run time"  # Locust's --run-time
    INTERRUPTED = "interrupted"


class ConstantSchedule(Part, frozen=True, kw_only=True, tag_field="kind", tag="constant"):
    """Starts spaced evenly."""

    rate_per_s: float
    workers: Count


class PoissonSchedule(Part, frozen=True, kw_only=True, tag_field="kind", tag="poisson"):
    """Starts of users who do not know of each other."""

    rate_per_s: float
    seed: Count
    workers: Count


class RampSchedule(Part, frozen=True, kw_only=True, tag_field="kind", tag="ramp"):
    """A rate that changes linearly; `rate_per_s` is its mean. Evenly spaced, or Poisson if there is a seed."""

    rate_per_s: float
    from_per_s: float
    to_per_s: float
    seed: Count | None
    workers: Count


class StepsSchedule(Part, frozen=True, kw_only=True, tag_field="kind", tag="steps"):
    """Pairs of (starts per second, seconds), one after the other; `rate_per_s` is their mean."""

    rate_per_s: float
    steps: tuple[tuple[float, float], ...]
    seed: Count | None
    workers: Count


class RecordedSchedule(Part, frozen=True, kw_only=True, tag_field="kind", tag="recorded"):
    """Starts at the times of recorded requests, `speed` times as fast; `rate_per_s` is their mean."""

    rate_per_s: float
    speed: Positive
    workers: Count


class ClosedSchedule(Part, frozen=True, kw_only=True, tag_field="kind", tag="closed"):
    """Clients that start again when the answer is there: there is no offered rate.

    `think_s` are the bounds of what each waits before that, None if it waits for nothing.
    """

    clients: Count
    workers: Count
    think_s: tuple[float, float] | None = None


Outcome: TypeAlias = Literal["ok", "conflict", "error"]
Schedule: TypeAlias = (
    ConstantSchedule | PoissonSchedule | RampSchedule | StepsSchedule | RecordedSchedule | ClosedSchedule
)


class Counts(Part, frozen=True, kw_only=True):
    """Samples by outcome. A conflict is a clean, expected refusal."""

    total: Count
    ok: Count
    conflict: Count
    error: Count


class StepEntry(Part, frozen=True, kw_only=True):
    """One timed step. `retried` does not count conflicts; times are those of the ok samples.

    `response_ms` runs from the intended start, `service_ms` from the actual one.
    """

    counts: Counts
    retried: Count
    response_ms: Quantiles
    service_ms: Quantiles


class Invariant(Part, frozen=True, kw_only=True):
    """Something that must hold whatever the latency, and what was seen instead."""

    name: str
    held: bool
    expected: str
    observed: str


class StatementCosts(Part, frozen=True, kw_only=True):
    """Executions, rows, server time, and blocks found in and read into the server's cache."""

    calls: int = 0
    rows: int = 0
    exec_ms: float = 0.0
    hit_blocks: int = 0
    read_blocks: int = 0

    def __add__(self, other: "StatementCosts") -> "StatementCosts":
        return StatementCosts(
            calls=self.calls + other.calls,
            rows=self.rows + other.rows,
            exec_ms=self.exec_ms + other.exec_ms,
            hit_blocks=self.hit_blocks + other.hit_blocks,
            read_blocks=self.read_blocks + other.read_blocks,
        )

    def __sub__(self, other: "StatementCosts") -> "StatementCosts":
        return StatementCosts(
            calls=self.calls - other.calls,
            rows=self.rows - other.rows,
            exec_ms=self.exec_ms - other.exec_ms,
            hit_blocks=self.hit_blocks - other.hit_blocks,
            read_blocks=self.read_blocks - other.read_blocks,
        )


class Statement(StatementCosts, frozen=True, kw_only=True):
    """What one statement cost; its text is without values."""

    text: str


class ServerTime(Part, frozen=True, kw_only=True, tag_field="state", tag="measured"):
    """Where the time of `samples` timed steps went, in ms summed over all clients.

    `remainder_ms` is the client's, the application's and the network's; None if statements outside of the timed steps
    make the server's time longer than theirs. `others` are the statements beyond those listed, in one line.
    """

    samples: Count
    service_ms: float
    server_ms: float
    remainder_ms: float | None
    statements: tuple[Statement, ...]
    others: StatementCosts | None


class ServerTimeAbsent(Part, frozen=True, kw_only=True, tag_field="state", tag="absent"):
    """The server counts no statements for us."""

    why: str


class ServerTimeRejected(Part, frozen=True, kw_only=True, tag_field="state", tag="rejected"):
    """Two readings could not be subtracted."""

    why: str


DatabaseTime: TypeAlias = ServerTime | ServerTimeAbsent | ServerTimeRejected


class MetricEntry(Part, frozen=True, kw_only=True):
    """What a journey recorded beside its steps: `n` numbers in their own unit.

    `rate` is the share of those that are true, None unless all are true or false.
    """

    n: Count
    values: Quantiles
    rate: float | None


class SlowIteration(Part, frozen=True, kw_only=True):
    """An iteration and its slowest step, which was due `at_s` after the scenario's first sample.

    By its `number` it is played again. `error` is the kind of its failure or refusal, "" for none.
    """

    number: Count
    step: str
    outcome: Outcome
    error: str = ""
    at_s: float
    response_ms: float


class SampleSummary(Part, frozen=True, kw_only=True):
    """What follows from a scenario's samples alone: `errors` and `refusals` count by kind, the most frequent first."""

    counts: Counts
    retries: Count
    errors: Mapping[str, Count]
    refusals: Mapping[str, Count]
    steps: Mapping[str, StepEntry]
    metrics: Mapping[str, MetricEntry] = {}


class ScenarioEntry(SampleSummary, frozen=True, kw_only=True):
    """One scenario.

    `warmup` iterations were run and not kept. `offered_rate_per_s` counts the iterations that were due, None if the
    schedule is closed; `achieved_rate_per_s` those that ended, late ones and failures included. `measured_s` is the
    time in which iterations were due or in progress. `own_s` is the time of the journeys' own code before their first
    steps, over all iterations: it is charged to no step. `lateness_ms` tells how late iterations began although a
    worker was free: the generator's own error. `starts_sha256` is the hash of the whole schedule, 64-bit little-endian
    offsets in ns; None if it is closed, or another program held the clock. `counters` are those of the platform's own
    parts. `said` has the words of the first failure or refusal of a kind, secrets masked and cut short. `slowest` are
    iterations that began, the slowest first; none if another program numbered them.
    """

    title: str
    schedule: Schedule
    warmup: Count
    offered_rate_per_s: float | None
    achieved_rate_per_s: float
    measured_s: float
    own_s: float
    ended_because: ScenarioEnded
    lateness_ms: Quantiles
    invariants: tuple[Invariant, ...] = ()
    starts_sha256: Sha256 | None = None
    database: DatabaseTime | None = None
    counters: Mapping[str, int] = {}
    slowest: tuple[SlowIteration, ...] = ()

    @property
    def summary(self) -> SampleSummary:
        """What of it follows from the samples alone."""
        return SampleSummary(
            counts=self.counts,
            retries=self.retries,
            errors=self.errors,
            refusals=self.refusals,
            steps=self.steps,
            metrics=self.metrics,
        )

    said: Mapping[str, str] = {}

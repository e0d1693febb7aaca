"""The proof of one index migration: its query before and after, and what clients met while it was built or dropped.

Raw facts alone: what they say is a `ProofVerdict` for each question, in the run's verdicts.
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from tailguard.record.part import Count, Document, Part, Positive, Quantile, Scalar

Act: TypeAlias = Literal["build", "drop"]
Client: TypeAlias = Literal["writers", "readers"]
WriteKind: TypeAlias = Literal["insert", "update", "update_key"]
# An example value of a query: what JSON and PostgreSQL both have.
Parameter: TypeAlias = Scalar | list[Scalar]


class Blocks(Part, frozen=True, kw_only=True):
    """Blocks of tables and indexes that one execution touched: found in the server's cache, and read into it."""

    hit: Count
    read: Count

    @property
    def total(self) -> int:
        return self.hit + self.read


class QueryEvidence(Part, frozen=True, kw_only=True):
    """One query, executed again and again.

    `server_ms` is the server's own time without planning, `client_ms` runs from the call to the last row: medians.
    `explained` is EXPLAIN's document of the execution with the median time; `planning_ms` and `blocks` are that
    one's. `shapes` counts the different plans of all executions. All documents are in `plan_file`, relative to the
    run's folder.
    """

    server_ms: Quantile
    client_ms: Quantile
    planning_ms: float | None
    blocks: Blocks
    rows: Count
    shapes: Count
    explained: Document
    plan_file: str | None = None


class OtherQuery(Part, frozen=True, kw_only=True):
    """Another known query of the same table: EXPLAIN's document before the migration and after it."""

    before: Document
    after: Document


class IndexState(Part, frozen=True, kw_only=True):
    """An index that is there.

    Without `valid` the planner ignores it; with `ready` writes maintain it all the same.
    """

    valid: bool
    ready: bool


class CycleStep(Part, frozen=True, kw_only=True):
    """One way of the migration and the index as it was found afterwards; None if it was absent."""

    action: Literal["up", "down"]
    seconds: float
    index: IndexState | None


class Unproved(Part, frozen=True, kw_only=True):
    """Why a proof broke off.

    `stopped`: by one of Tailguard's limits, so that another try may help (INCONCLUSIVE, else INVALID).
    """

    because: str
    stopped: bool
    under_load: bool = False


class ClientImpact(Part, frozen=True, kw_only=True):
    """What one kind of client met in a window: requests, failures, response times from the intended start."""

    n: Count
    errors: Count
    p50_ms: Quantile
    p99_ms: Quantile
    longest_ms: float | None


class BuildPhase(Part, frozen=True, kw_only=True):
    """The server's own word for what it was doing, first seen after `elapsed_s`, and the sessions it waited for."""

    elapsed_s: float
    phase: str
    blockers: tuple[str, ...]


class BuildUnderLoad(Part, frozen=True, kw_only=True):
    """One build or drop of the index while clients went on.

    `started_ns` is on the clock of live.parquet's samples.
    """

    started_ns: int
    seconds: Positive
    phases: tuple[BuildPhase, ...]
    impact: Mapping[Client, ClientImpact]

    @property
    def ended_ns(self) -> int:
        """When the statement came back."""
        return self.started_ns + int(self.seconds * 1e9)


class WaitLimits(Part, frozen=True, kw_only=True):
    """What clients may wait during a build or drop, in ms, however long it takes.

    `max_wait_ms` limits each request. `max_p99_growth_ms` limits how much p99 grows over the window without a build;
    None leaves p99 to `max_wait_ms`.
    """

    max_wait_ms: float = 500.0
    max_p99_growth_ms: float | None = None


class LiveProof(Part, frozen=True, kw_only=True):
    """A proof under load, on a table of about `rows`, judged by `limits`.

    `samples` is the prefix of its windows in live.parquet, which are called baseline, build_1 ..., after and control,
    each with _writers or _readers. `control` is the plain statement, which must be caught; None if it was left out.
    """

    rate_per_s: float
    rows: Count
    samples: str
    baseline: Mapping[Client, ClientImpact]
    after: Mapping[Client, ClientImpact]
    builds: tuple[BuildUnderLoad, ...]
    control: BuildUnderLoad | None
    limits: WaitLimits = WaitLimits()


class WriteTimes(Part, frozen=True, kw_only=True):
    """Times of one kind of write on one of two copies of the table, in ms.

    `hot` is the share of heap-only updates.
    """

    p50: Quantile
    p95: Quantile
    hot: float | None


class WriteCost(Part, frozen=True, kw_only=True):
    """One kind of write before the index is there and after.

    `ratio` is the median of the blocks' ratios of medians.
    """

    before: WriteTimes
    after: WriteTimes
    ratio: Quantile


class WalBytes(Part, frozen=True, kw_only=True):
    """Bytes of write-ahead log per row of a bulk insert, without the index and with it.

    None if the table takes none.
    """

    before: Positive | None
    after: Positive | None


class IndexCost(Part, frozen=True, kw_only=True):
    """What an index costs each write, measured on two copies of the table with `rows` each."""

    rows: Count
    writes: Mapping[WriteKind, WriteCost]
    wal_bytes_per_row: WalBytes


class ColdTime(Part, frozen=True, kw_only=True):
    """A query whose blocks were evicted before each execution."""

    server_ms: Quantile
    blocks_read: Count


class GrowthSide(Part, frozen=True, kw_only=True):
    """The query on one size of the table; `cold` is None if the server cannot evict, and `cold_absent` says why."""

    server_ms: Quantile
    blocks: Blocks
    cold: ColdTime | None
    cold_absent: str = ""


class GrowthRow(Part, frozen=True, kw_only=True):
    """One size of the table, without the index and with it."""

    rows: Count
    table_bytes: Count | None
    index_bytes: Count
    build_s: float
    before: GrowthSide
    after: GrowthSide


class MigrationEntry(Part, frozen=True, kw_only=True):
    """One migration; `act` is what its way up does to the index.

    `found` is the index as it was before a drop. `rows`, `build_s` (without load), `index_bytes`, `before` and
    `after` are None if the proof broke off before; then `unproved` says why. `cost` is of the index, whichever way
    it goes.
    """

    number: str
    slug: str
    table: str
    index: str
    act: Act
    parameters: Mapping[str, Parameter]
    up_sql: str
    down_sql: str
    query_sql: str
    rows: Count | None = None
    build_s: float | None = None
    index_bytes: Count | None = None
    before: QueryEvidence | None = None
    after: QueryEvidence | None = None
    others: Mapping[str, OtherQuery] = {}
    found: IndexState | None = None
    cycle: tuple[CycleStep, ...] = ()
    unproved: Unproved | None = None
    cost: IndexCost | None = None
    live: LiveProof | None = None
    growth: tuple[GrowthRow, ...] = ()

    @property
    def name(self) -> str:
        """Number and slug, as the files are called."""
        return f"{self.number}_{self.slug}"

    @property
    def statement(self) -> str:
        """What is done under load; CONCURRENTLY, and plainly as the control."""
        return "DROP INDEX" if self.act == "drop" else "CREATE INDEX"

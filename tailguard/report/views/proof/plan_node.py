"""A node of EXPLAIN (ANALYZE, FORMAT JSON), and what its title, its numbers and its warnings say."""

from collections.abc import Iterator

import msgspec
from msgspec import field

from tailguard.report.views import numbers

# By PostgreSQL's own names in EXPLAIN (FORMAT TEXT); a plain aggregate is just that.
_AGGREGATES = {"Sorted": "GroupAggregate", "Hashed": "HashAggregate", "Mixed": "MixedAggregate"}
# So many times more rows than planned, and so many in all: another join or index may be the right one. Fewer rows than
# planned are not a mistake below a Limit, which stops early.
_UNDERESTIMATED, _WORTH_TELLING = 10, 1_000


class PlanNode(msgspec.Struct, frozen=True):
    """What is read of a node. Times and rows are those of one loop, on average."""

    kind: str = field(name="Node Type")
    relation: str | None = field(name="Relation Name", default=None)
    index: str | None = field(name="Index Name", default=None)
    strategy: str | None = field(name="Strategy", default=None)
    command: str | None = field(name="Command", default=None)
    relationship: str | None = field(name="Parent Relationship", default=None)
    subplan: str | None = field(name="Subplan Name", default=None)
    cte: str | None = field(name="CTE Name", default=None)
    total_ms: float | None = field(name="Actual Total Time", default=None)
    planned_rows: float | None = field(name="Plan Rows", default=None)
    rows: float | None = field(name="Actual Rows", default=None)
    loops: float = field(name="Actual Loops", default=1)
    hit: int | None = field(name="Shared Hit Blocks", default=None)
    read: int | None = field(name="Shared Read Blocks", default=None)
    index_cond: str | None = field(name="Index Cond", default=None)
    filter: str | None = field(name="Filter", default=None)
    recheck_cond: str | None = field(name="Recheck Cond", default=None)
    hash_cond: str | None = field(name="Hash Cond", default=None)
    join_filter: str | None = field(name="Join Filter", default=None)
    one_time_filter: str | None = field(name="One-Time Filter", default=None)
    sort_key: tuple[str, ...] = field(name="Sort Key", default=())
    sort_method: str | None = field(name="Sort Method", default=None)
    sort_space: str | None = field(name="Sort Space Type", default=None)
    batches: int | None = field(name="Hash Batches", default=None)
    lossy_blocks: int | None = field(name="Lossy Heap Blocks", default=None)
    removed: int | float | None = field(name="Rows Removed by Filter", default=None)
    children: tuple["PlanNode", ...] = field(name="Plans", default=())

    @property
    def title(self) -> str:
        """What it does: two nodes with the same title are the same."""
        index = f" using {self.index}" if self.index else ""
        place = self.relation or self.cte
        return f"{self._name}{index}{f' on {place}' if place else ''}"

    @property
    def _name(self) -> str:
        if self.kind == "Aggregate":
            return _AGGREGATES.get(self.strategy or "", self.kind)
        if self.kind == "SetOp":
            return f"{'Hash' if self.strategy == 'Hashed' else ''}SetOp {self.command or ''}".strip()
        return self.kind

    @property
    def measured(self) -> str:
        """Its time, rows, loops and blocks."""
        parts = [] if self.total_ms is None else [numbers.ms(self.total_ms)]
        if self.rows is not None:
            parts.append(f"{numbers.count(self.rows)} rows")
        if self.loops > 1:
            parts.append(f"{numbers.count(self.loops)} loops")
        if self.hit is not None and self.read is not None:
            parts.append(numbers.blocks(self.hit + self.read))
        return " · ".join(parts)

    @property
    def conditions(self) -> tuple[tuple[str, str | None], ...]:
        """What its rows must meet, by EXPLAIN's name."""
        return (
            ("Index Cond", self.index_cond),
            ("Filter", self.filter),
            ("Recheck Cond", self.recheck_cond),
            ("Hash Cond", self.hash_cond),
            ("Join Filter", self.join_filter),
            ("One-Time Filter", self.one_time_filter),
        )

    @property
    def details(self) -> tuple[str, ...]:
        """Its conditions, its sort and what it threw away."""
        named = (
            *self.conditions,
            ("Sort Key", ", ".join(self.sort_key) or None),
            ("Sort Method", self.sort_method),
            ("Rows Removed by Filter", self.removed),
        )
        return tuple(f"{name}: {value}" for name, value in named if value is not None)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes it slower than it has to be."""
        return tuple(self._warnings())

    def _warnings(self) -> Iterator[str]:
        if (
            self.planned_rows is not None
            and self.rows is not None
            and self.rows * self.loops >= _WORTH_TELLING
        ):
            planned = max(self.planned_rows, 1)
            if self.rows >= _UNDERESTIMATED * planned:
                yield (
                    f"planned for {numbers.count(planned)} rows, {numbers.count(self.rows)} came: "
                    "ANALYZE the table, or create statistics for its columns"
                )
        if self.sort_space == "Disk":
            yield "sorted on disk: work_mem is too small for it"
        if self.batches is not None and self.batches > 1:
            yield f"hashed in {self.batches} batches on disk: work_mem is too small for it"
        if self.lossy_blocks:
            yield f"{numbers.count(self.lossy_blocks)} lossy blocks: work_mem is too small for the bitmap"

    def walk(self, depth: int = 0) -> Iterator[tuple[int, "PlanNode"]]:
        """Yield this node and all below, from the top down, with their depths."""
        yield depth, self
        for child in self.children:
            yield from child.walk(depth + 1)


class Explained(msgspec.Struct, frozen=True):
    """The document of EXPLAIN."""

    root: PlanNode = field(name="Plan")

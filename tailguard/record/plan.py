"""A query plan, parsed from EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) of PostgreSQL 15 to 18.

Counts and times of a node include its children, as PostgreSQL reports them; `self_ms` is the node's own share.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

EXPLAIN = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
SORTS = ("Sort", "Incremental Sort")
INDEX_SCANS = ("Index Scan", "Index Only Scan", "Bitmap Index Scan")


@dataclass(frozen=True, slots=True)
class Node:
    """One node. `raw` is EXPLAIN's own object; `processes` run it side by side (workers and their leader)."""

    raw: Mapping[str, Any]
    children: tuple["Node", ...]
    processes: int

    @property
    def kind(self) -> str:
        """The node's type, such as "Index Scan"."""
        return str(self.raw["Node Type"])

    @property
    def relation(self) -> str | None:
        """The table it reads, or None."""
        return self.raw.get("Relation Name")

    @property
    def index(self) -> str | None:
        """The index it uses, or None."""
        return self.raw.get("Index Name")

    @property
    def loops(self) -> int:
        """How often it was executed; 0 where it never was, or the plan was not analysed."""
        return int(self.raw.get("Actual Loops", 0))

    @property
    def rows(self) -> float:
        """Rows returned, over all loops."""
        return float(self.raw.get("Actual Rows", 0)) * self.loops

    @property
    def total_ms(self) -> float:
        """Time in this node and below, over all loops, as it passes on a wall clock.

        PostgreSQL gives the mean of a loop; where several processes share the loops, they pass at the same time.
        """
        return float(self.raw.get("Actual Total Time", 0.0)) * self.loops / self.processes

    @property
    def self_ms(self) -> float:
        """Time in this node without its children. Never below 0: PostgreSQL rounds each time by itself."""
        return max(0.0, self.total_ms - sum(child.total_ms for child in self.children))

    @property
    def blocks(self) -> tuple[int, int]:
        """(hit, read) blocks of tables and indexes, this node and below."""
        return int(self.raw.get("Shared Hit Blocks", 0)), int(self.raw.get("Shared Read Blocks", 0))

    @property
    def estimate_error(self) -> float | None:
        """Rows really returned in a loop over rows expected, at least 1 each; None where it never ran."""
        if not self.loops:
            return None
        return max(1.0, self.rows / self.loops) / max(1.0, float(self.raw.get("Plan Rows", 1)))

    @property
    def spilled_kb(self) -> int:
        """What a sort wrote to disk, in KiB."""
        on_disk = self.raw.get("Sort Space Type") == "Disk"
        return int(self.raw.get("Sort Space Used", 0)) if on_disk else 0

    def walk(self) -> Iterator["Node"]:
        """Yield this node and all below, from the top down."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole plan. Times are None where EXPLAIN did not measure them."""

    root: Node
    planning_ms: float | None
    execution_ms: float | None
    raw: Mapping[str, Any]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes, from the top down."""
        return tuple(self.root.walk())

    @property
    def has_sort(self) -> bool:
        """Whether anything is sorted."""
        return any(node.kind in SORTS for node in self.nodes)

    @property
    def indexes(self) -> tuple[str, ...]:
        """Names of the indexes used, in the order of the plan."""
        return tuple(dict.fromkeys(node.index for node in self.nodes if node.index))

    @property
    def workers(self) -> int:
        """How many parallel workers were launched."""
        return sum(int(node.raw.get("Workers Launched", 0)) for node in self.nodes)

    @property
    def shape(self) -> tuple[tuple[str, str | None, str | None], ...]:
        """What makes two plans the same plan: kinds, tables and indexes in order."""
        return tuple((node.kind, node.relation, node.index) for node in self.nodes)

    def scans(self, index: str) -> list[Node]:
        """Return the nodes that read the index of this name."""
        return [node for node in self.nodes if node.index == index and node.kind in INDEX_SCANS]


def parse_plan(explained: Sequence[Mapping[str, Any]] | Mapping[str, Any]) -> Plan:
    """Parse EXPLAIN's JSON: the list that it returns, or the one object in it.

    Raises ValueError where it is no such thing.
    """
    whole = explained if isinstance(explained, Mapping) else next(iter(explained), {})
    if not isinstance(whole, Mapping) or "Plan" not in whole:
        raise ValueError("not EXPLAIN (FORMAT JSON) output: there is no 'Plan' in it")
    return Plan(_node(whole["Plan"], 1), whole.get("Planning Time"), whole.get("Execution Time"), whole)


def explain(connection: Connection[Any], query: str, parameters: Mapping[str, Any] | None = None) -> Plan:
    """Execute a query under EXPLAIN ANALYZE and return its plan. It is planned afresh, for these very parameters."""
    row = connection.execute(EXPLAIN + query, parameters, prepare=False).fetchone()
    assert row is not None  # EXPLAIN always answers
    return parse_plan(row[0])


def _node(raw: Mapping[str, Any], processes: int) -> Node:
    """Below a Gather, the launched workers and their leader run the same nodes at once."""
    below = int(raw["Workers Launched"]) + 1 if "Workers Launched" in raw else processes
    return Node(raw, tuple(_node(child, below) for child in raw.get("Plans", ())), processes)

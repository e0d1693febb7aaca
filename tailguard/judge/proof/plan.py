"""A query plan, parsed from what EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) of PostgreSQL 15 to 18 says."""

from collections.abc import Iterator

import msgspec
from msgspec import field

from tailguard.base.errors import UsageError
from tailguard.record.migration import Blocks
from tailguard.record.part import Document

SORTS = ("Sort", "Incremental Sort")


class Node(msgspec.Struct, frozen=True):
    """One node: its type, such as "Index Scan", and the table and the index that it reads, if it reads any."""

    kind: str = field(name="Node Type")
    relation: str | None = field(name="Relation Name", default=None)
    alias: str | None = field(name="Alias", default=None)
    index: str | None = field(name="Index Name", default=None)
    hit: int = field(name="Shared Hit Blocks", default=0)
    read: int = field(name="Shared Read Blocks", default=0)
    children: tuple["Node", ...] = field(name="Plans", default=())

    @property
    def blocks(self) -> Blocks:
        """Blocks of tables and indexes that this node and all below it touched."""
        return Blocks(hit=self.hit, read=self.read)

    def walk(self) -> Iterator["Node"]:
        """Yield this node and all below, from the top down."""
        yield self
        for child in self.children:
            yield from child.walk()


class Plan(msgspec.Struct, frozen=True):
    """A whole plan. Times are None if EXPLAIN did not measure them."""

    root: Node = field(name="Plan")
    planning_ms: float | None = field(name="Planning Time", default=None)
    execution_ms: float | None = field(name="Execution Time", default=None)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes, from the top down."""
        return tuple(self.root.walk())

    @property
    def has_sort(self) -> bool:
        """Whether anything is sorted."""
        return any(node.kind in SORTS for node in self.nodes)

    @property
    def shape(self) -> tuple[tuple[str, str | None, str | None], ...]:
        """What makes two plans the same plan: kinds, tables and indexes in order."""
        return tuple((node.kind, node.relation, node.index) for node in self.nodes)


def parse_plan(explained: Document) -> Plan:
    """Parse the one object in EXPLAIN's JSON. Raises UsageError if it is something else."""
    try:
        return msgspec.convert(explained.value, Plan)
    except msgspec.ValidationError as error:
        raise UsageError(f"This is not what EXPLAIN (FORMAT JSON) says: {error}.") from error


def describe(node: Node) -> str:
    """Name a node as EXPLAIN's text does: kind, index and table."""
    index = f" using {node.index}" if node.index else ""
    relation = f" on {node.relation}" if node.relation else ""
    return f"{node.kind}{index}{relation}"

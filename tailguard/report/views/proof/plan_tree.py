"""A query plan as indented lines, with the nodes marked that the other plan does not have."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
from msgspec import field

from tailguard.record.part import Document
from tailguard.report.views import numbers


class _Node(msgspec.Struct, frozen=True):
    """What a line says of a node of EXPLAIN (FORMAT JSON)."""

    kind: str = field(name="Node Type")
    relation: str | None = field(name="Relation Name", default=None)
    index: str | None = field(name="Index Name", default=None)
    total_ms: float | None = field(name="Actual Total Time", default=None)
    rows: float | None = field(name="Actual Rows", default=None)
    loops: float = field(name="Actual Loops", default=1)
    hit: int | None = field(name="Shared Hit Blocks", default=None)
    read: int | None = field(name="Shared Read Blocks", default=None)
    index_cond: str | None = field(name="Index Cond", default=None)
    filter: str | None = field(name="Filter", default=None)
    recheck_cond: str | None = field(name="Recheck Cond", default=None)
    sort_key: tuple[str, ...] = field(name="Sort Key", default=())
    sort_method: str | None = field(name="Sort Method", default=None)
    removed: int | float | None = field(name="Rows Removed by Filter", default=None)
    children: tuple["_Node", ...] = field(name="Plans", default=())

    @property
    def title(self) -> str:
        """What it does: two nodes with the same title are the same."""
        index = f" using {self.index}" if self.index else ""
        return f"{self.kind}{index}{f' on {self.relation}' if self.relation else ''}"

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
    def details(self) -> tuple[str, ...]:
        """Its conditions, its sort and what it threw away."""
        named = (
            ("Index Cond", self.index_cond),
            ("Filter", self.filter),
            ("Recheck Cond", self.recheck_cond),
            ("Sort Key", ", ".join(self.sort_key) or None),
            ("Sort Method", self.sort_method),
            ("Rows Removed by Filter", self.removed),
        )
        return tuple(f"{name}: {value}" for name, value in named if value is not None)

    def walk(self, depth: int = 0) -> Iterator[tuple[int, "_Node"]]:
        """Yield this node and all below, from the top down, with their depths."""
        yield depth, self
        for child in self.children:
            yield from child.walk(depth + 1)


class _Explained(msgspec.Struct, frozen=True):
    root: _Node = field(name="Plan")


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One node of a plan. `changed`: the other plan has no such node (same type, table and index)."""

    depth: int
    title: str
    measured: str
    details: tuple[str, ...]
    changed: bool


def plan_lines(explained: Document, other: Document) -> tuple[PlanLine, ...]:
    """Return the nodes of a plan from the root down, compared with those of the `other`."""
    left = Counter(node.title for _, node in _nodes(other))
    lines = []
    for depth, node in _nodes(explained):
        left[node.title] -= 1
        lines.append(PlanLine(depth, node.title, node.measured, node.details, left[node.title] < 0))
    return tuple(lines)


def _nodes(explained: Document) -> Iterator[tuple[int, _Node]]:
    return msgspec.convert(explained.value, _Explained).root.walk()

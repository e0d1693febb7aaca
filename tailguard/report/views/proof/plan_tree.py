"""A query plan as indented lines, with the nodes marked that the other plan does not have, and the slowest one."""

from collections import Counter
from dataclasses import dataclass

import msgspec

from tailguard.base.errors import UsageError
from tailguard.record.part import Document
from tailguard.report.views import numbers
from tailguard.report.views.proof.plan_node import Explained, PlanNode
from tailguard.report.views.proof.plan_times import own_times


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One node of a plan.

    Attributes:
        share: of the plan's time, what the node took itself, from 0 to 1; None if it was not timed.
        slowest: no other node took more.
        changed: the other plan has no such node (same type, table and index).
    """

    depth: int
    title: str
    measured: str
    share: float | None
    slowest: bool
    details: tuple[str, ...]
    warnings: tuple[str, ...]
    changed: bool

    @property
    def own(self) -> str:
        """Its share in whole percent, as text."""
        return "" if self.share is None else f"{numbers.percent(round(self.share, 2))} of the time"


def plan_lines(explained: Document, other: Document) -> tuple[PlanLine, ...]:
    """Return the nodes of a plan from the root down, compared with those of the `other`."""
    root = _root(explained)
    left = Counter(node.title for _, node in _root(other).walk())
    own_ms = own_times(root)
    whole, most = sum(own_ms), max(own_ms)
    lines = []
    for (depth, node), own in zip(root.walk(), own_ms, strict=True):
        left[node.title] -= 1
        lines.append(
            PlanLine(
                depth=depth,
                title=node.title,
                measured=node.measured,
                share=own / whole if whole and node.total_ms is not None else None,
                slowest=bool(most) and own == most,
                details=node.details,
                warnings=node.warnings,
                changed=left[node.title] < 0,
            )
        )
    return tuple(lines)


def _root(explained: Document) -> PlanNode:
    try:
        return msgspec.convert(explained.value, Explained).root
    except msgspec.ValidationError as error:
        raise UsageError(f"A plan in the record is not what EXPLAIN (FORMAT JSON) says: {error}.") from error

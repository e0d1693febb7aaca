"""How much of a plan's time each of its nodes took itself.

EXPLAIN's time of a node includes the nodes below it. Two kinds are included elsewhere than where they are printed: a
CTE in the scans that read it, an InitPlan in the node that first needs its value.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tailguard.report.views.proof.plan_node import PlanNode

# "InitPlan 1 (returns $0)" before PostgreSQL 17, then "InitPlan 1"; a condition has "$0", then "(InitPlan 1).col1".
_INIT_PLAN = re.compile(r"(InitPlan \d+)(?: \(returns ([^)]*)\))?")


@dataclass(slots=True, eq=False)
class _Timed:
    """A node with its time over all loops, and what is left of that without what is included in it."""

    node: PlanNode
    elapsed_ms: float
    own_ms: float
    below: list["_Timed"] = field(default_factory=list)

    def walk(self) -> Iterator["_Timed"]:
        yield self
        for child in self.below:
            yield from child.walk()


def own_times(root: PlanNode) -> list[float]:
    """Return the milliseconds that each node took itself, in the order of `PlanNode.walk`.

    Their sum is the root's time, but for rounding.
    """
    timed = _timed(root, 1.0)
    for parent in list(timed.walk()):
        for child in parent.below:
            if child.node.relationship == "InitPlan":
                _charge(child, _readers(child, parent, timed))
    return [max(each.own_ms, 0.0) for each in timed.walk()]


def _timed(node: PlanNode, processes: float) -> _Timed:
    """Below a Gather the loops of all processes are counted, which run at the same time."""
    elapsed_ms = (node.total_ms or 0.0) * node.loops / processes
    if node.kind.startswith("Gather") and node.children and node.loops:
        processes = max(node.children[0].loops / node.loops, 1.0)
    timed = _Timed(node, elapsed_ms, elapsed_ms)
    timed.below = [_timed(child, processes) for child in node.children]
    timed.own_ms -= sum(each.elapsed_ms for each in timed.below if each.node.relationship != "InitPlan")
    return timed


def _readers(plan: _Timed, parent: _Timed, root: _Timed) -> list[_Timed]:
    """Return the nodes whose time may include that of a CTE or an InitPlan, the likeliest first."""
    name = plan.node.subplan or ""
    if name.startswith("CTE "):
        scans = [each for each in root.walk() if each.node.cte == name.removeprefix("CTE ")]
        return sorted(scans, key=lambda each: -each.own_ms)
    inside = set(map(id, plan.walk()))
    others = [each for each in parent.walk() if id(each) not in inside]
    wanted = _INIT_PLAN.match(name)
    words = [f"({wanted[1]})", *(wanted[2].split(",") if wanted[2] else ())] if wanted else []
    naming = [each for each in others if any(_says(each.node, word) for word in words)]
    # One that only returns the value does not say so.
    return naming or (
        [parent] if parent.own_ms >= plan.elapsed_ms else [max(others, key=lambda each: each.own_ms)]
    )


def _says(node: PlanNode, word: str) -> bool:
    return any(re.search(re.escape(word) + r"(?!\d)", text) for _, text in node.conditions if text)


def _charge(plan: _Timed, readers: list[_Timed]) -> None:
    """Take the time of `plan` out of that of its readers."""
    left_ms = plan.elapsed_ms
    for reader in readers:
        taken = min(left_ms, max(reader.own_ms, 0.0))
        reader.own_ms -= taken
        left_ms -= taken

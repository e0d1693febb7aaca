"""Two plans of one query, node beside node: what replaced what."""

from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Literal

from tailguard.judge.plan import Node, Plan

Change = Literal["same", "replaced", "removed", "added"]


@dataclass(frozen=True, slots=True)
class NodePair:
    """A node of the plan before and what stands in its place after. One of them may be absent."""

    change: Change
    before: Node | None
    after: Node | None


def match_plans(before: Plan, after: Plan) -> list[NodePair]:
    """Pair the nodes of two plans, from the top down.

    Nodes match by what they do: a scan by the table it reads, a join as a join, anything else by its kind. So a
    sequential scan and the index scan that replaces it stand side by side.
    """
    left, right = before.nodes, after.nodes
    pairs: list[NodePair] = []
    matcher = SequenceMatcher(
        None, [_role(node) for node in left], [_role(node) for node in right], autojunk=False
    )
    for _, i, j, k, m in matcher.get_opcodes():
        pairs += [_pair(*both) for both in _aligned(left[i:j], right[k:m])]
    return pairs


def describe(node: Node) -> str:
    """Name a node as EXPLAIN's text does: kind, index and table."""
    index = f" using {node.index}" if node.index else ""
    relation = f" on {node.relation}" if node.relation else ""
    return f"{node.kind}{index}{relation}"


def _aligned(left: tuple[Node, ...], right: tuple[Node, ...]) -> list[tuple[Node | None, Node | None]]:
    """Pair two stretches: equal lengths side by side, otherwise what is alike; the rest stands alone."""
    if [_role(node) for node in left] == [_role(node) for node in right]:
        return list(zip_longest(left, right))
    return [(node, None) for node in left] + [(None, node) for node in right]


def _pair(before: Node | None, after: Node | None) -> NodePair:
    if before is None or after is None:
        return NodePair("removed" if after is None else "added", before, after)
    same = (before.kind, before.index) == (after.kind, after.index)
    return NodePair("same" if same else "replaced", before, after)


def _role(node: Node) -> str:
    if node.relation is not None:
        return f"scan of {node.alias or node.relation}"
    if "Join" in node.kind or node.kind == "Nested Loop":
        return "join"
    return node.kind

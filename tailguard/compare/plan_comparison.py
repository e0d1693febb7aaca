"""Query plans of both sides: deterministic, so one look decides. More blocks fail; a changed shape is named."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Literal, TypeAlias

from tailguard.base.state import State
from tailguard.judge.proof.plan import Node, Plan, describe, parse_plan
from tailguard.record.duet import ExplainedQuery
from tailguard.record.verdict import PlanVerdict

# Rows are seeded alike; an index's pages may still split in another order from one build to the next.
MOST_MORE = 0.10
FEWEST_MORE_BLOCKS = 8

NodeChange: TypeAlias = Literal["same", "replaced", "removed", "added"]


@dataclass(frozen=True, slots=True)
class NodePair:
    """A node of the plan before and what replaces it after. One of them may be absent."""

    change: NodeChange
    before: Node | None
    after: Node | None


def compare_plans(
    baseline: Mapping[str, ExplainedQuery], candidate: Mapping[str, ExplainedQuery]
) -> list[PlanVerdict]:
    """Compare the plans of the same queries; what only one side has, or what failed, is reported, never skipped."""
    return [
        _compare(query, baseline.get(query), candidate.get(query))
        for query in dict.fromkeys([*baseline, *candidate])
    ]


def _compare(query: str, baseline: ExplainedQuery | None, candidate: ExplainedQuery | None) -> PlanVerdict:
    for name, side in (("baseline", baseline), ("candidate", candidate)):
        if side is not None and side.error:
            return _without_blocks(query, State.INVALID, f"the {name}: {side.error}")
    before = None if baseline is None else baseline.document
    after = None if candidate is None else candidate.document
    if after is None:
        return _without_blocks(query, State.INCONCLUSIVE, "only the baseline has this query and its index")
    if before is None:
        return _without_blocks(query, State.PASS, "new: the baseline has no such query")
    return _compared(query, parse_plan(before), parse_plan(after))


def _without_blocks(query: str, state: State, why: str) -> PlanVerdict:
    return PlanVerdict(
        name=_name(query),
        state=state,
        query=query,
        baseline_blocks=None,
        candidate_blocks=None,
        diff=(),
        why=why,
    )


def _compared(query: str, before: Plan, after: Plan) -> PlanVerdict:
    left, right = before.root.blocks.total, after.root.blocks.total
    worse = right - left > max(MOST_MORE * left, FEWEST_MORE_BLOCKS)
    diff = tuple(
        f"{describe(pair.before) if pair.before else 'nothing'} -> {describe(pair.after) if pair.after else 'nothing'}"
        for pair in match_plans(before, after)
        if pair.change != "same"
    )
    shape = f"the plan changed: {'; '.join(diff)}" if diff else "the same plan"
    return PlanVerdict(
        name=_name(query),
        state=State.FAIL if worse else State.PASS,
        query=query,
        baseline_blocks=left,
        candidate_blocks=right,
        diff=diff,
        why=f"{left} against {right} blocks, {shape}",
    )


def _name(query: str) -> str:
    return f"plan of {query} against the baseline"


def match_plans(before: Plan, after: Plan) -> list[NodePair]:
    """Pair the nodes of two plans, from the top down.

    Nodes match by what they do: a scan by the table it reads, a join as a join, anything else by its kind. So a
    sequential scan and the index scan that replaces it are shown side by side.
    """
    left, right = before.nodes, after.nodes
    pairs: list[NodePair] = []
    matcher = SequenceMatcher(
        None, [_role(node) for node in left], [_role(node) for node in right], autojunk=False
    )
    for _, i, j, k, m in matcher.get_opcodes():
        pairs += [_pair(*both) for both in _aligned(left[i:j], right[k:m])]
    return pairs


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

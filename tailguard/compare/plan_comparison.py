"""Query plans of both sides: deterministic, so one look decides. More blocks fail; a changed shape is named."""

from collections.abc import Mapping

from tailguard.base.state import State
from tailguard.judge.plan import Plan, parse_plan
from tailguard.judge.plan_diff import describe, match_plans
from tailguard.record.duet import ExplainedQuery
from tailguard.record.verdict import PlanVerdict

# Rows are seeded alike; an index's pages may still split in another order from one build to the next.
MOST_MORE = 0.10
FEWEST_MORE_BLOCKS = 8


def compare_plans(
    baseline: Mapping[str, ExplainedQuery], candidate: Mapping[str, ExplainedQuery]
) -> list[PlanVerdict]:
    """Compare the plans of the same queries; what only one side has, or what failed, is said, never skipped."""
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

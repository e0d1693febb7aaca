"""Query plans of both sides: deterministic, so one look decides. More blocks fail; a changed shape is named."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tailguard.compare.plan_diff import describe, match_plans
from tailguard.judge.decision import State
from tailguard.record.plan import Plan, parse_plan

# Rows are seeded alike; an index's pages may still split in another order from one build to the next.
MOST_MORE = 0.10
FEWEST_MORE_BLOCKS = 8


@dataclass(frozen=True, slots=True)
class PlanChange:
    """One query on both sides: blocks touched, and the nodes that changed, as text."""

    query: str
    state: State
    baseline_blocks: int | None
    candidate_blocks: int | None
    diff: tuple[str, ...]
    why: str

    def as_verdict(self) -> dict[str, Any]:
        """Return the entry of run.json's verdicts."""
        before, after = self.baseline_blocks, self.candidate_blocks
        change = None if not before or after is None else after / before - 1
        return {
            "objective": f"plan of {self.query} against the baseline",
            "scenario": "plans",
            "step": self.query,
            "kind": "change",
            "q": None,
            "limit_ms": None,
            "max_ratio": MOST_MORE,
            "strict": False,
            "state": str(self.state),
            "n": 1,
            "exceedances": int(self.state is State.FAIL),
            "observed": None
            if change is None
            else {"value": change, "low": change, "high": change, "level": 1.0},
            "unit": "ratio",
            "headroom": None,
            "alpha": None,
            "rule": "blocks touched, deterministic",
            "dependence": None,
            "tau": None,
            "p_fail": 0.0,
            "baseline": before,
            "candidate": after,
            "gated": True,
            "diff": list(self.diff),
            "why": self.why,
        }


def compare_plans(baseline: Mapping[str, Any], candidate: Mapping[str, Any]) -> list[PlanChange]:
    """Compare EXPLAIN's JSON of the same queries; what only one side has, or what failed, is said, never skipped."""
    return [
        _compare(query, baseline.get(query), candidate.get(query))
        for query in dict.fromkeys([*baseline, *candidate])
    ]


def _compare(query: str, baseline: Any, candidate: Any) -> PlanChange:
    sides = {"baseline": baseline, "candidate": candidate}
    for side, raw in sides.items():
        if isinstance(raw, Mapping) and "error" in raw:
            return PlanChange(query, State.INVALID, None, None, (), f"the {side}: {raw['error']}")
    if candidate is None:
        return PlanChange(
            query, State.INCONCLUSIVE, None, None, (), "only the baseline has this query and its index"
        )
    if baseline is None:
        return PlanChange(query, State.PASS, None, None, (), "new: the baseline has no such query")
    return _compared(query, parse_plan(baseline), parse_plan(candidate))


def _compared(query: str, before: Plan, after: Plan) -> PlanChange:
    left, right = sum(before.root.blocks), sum(after.root.blocks)
    worse = right - left > max(MOST_MORE * left, FEWEST_MORE_BLOCKS)
    diff = tuple(
        f"{describe(pair.before) if pair.before else 'nothing'} -> {describe(pair.after) if pair.after else 'nothing'}"
        for pair in match_plans(before, after)
        if pair.change != "same"
    )
    shape = f"the plan changed: {'; '.join(diff)}" if diff else "the same plan"
    state = State.FAIL if worse else State.PASS
    return PlanChange(query, state, left, right, diff, f"{left} against {right} blocks, {shape}")

"""The objectives of a soak over its whole length: one look at its planned end, on counts."""

from collections.abc import Mapping, Sequence

import numpy as np

from tailguard.base.state import State
from tailguard.judge.caution import Caution
from tailguard.judge.decision import Decision, judge_looks
from tailguard.judge.evidence import BLOCKS, FEWEST_BLOCKS
from tailguard.judge.interval import observed_rate, tests_of
from tailguard.judge.multiplicity import correct_fails
from tailguard.judge.sequential import Look, failing_evidence, passing_evidence
from tailguard.judge.soak.found import Read
from tailguard.judge.verdicts import objective_verdict
from tailguard.record.objective import Objective, Objectives, Rule
from tailguard.record.part import Estimate
from tailguard.record.soak.segments import Counters, Key
from tailguard.record.soak.times import (
    at_rank,
    bucket_ms,
    bucket_value,
    quantile_rank,
    times_of,
    values_of,
)
from tailguard.record.verdict import ObjectiveVerdict


def objective_verdicts(
    read: Read, objectives: Objectives, cautions: Mapping[str, Caution]
) -> tuple[ObjectiveVerdict, ...]:
    """Judge each objective; `cautions` are what is said against those of each scenario."""
    found = []
    for family in objectives.families:
        decisions = [decide(read.sums, read.each, item, objectives.rules[item.scenario]) for item in family]
        for item, decision in zip(family, correct_fails(decisions), strict=True):
            judged = decision.against(cautions[item.scenario])
            found.append(objective_verdict(item, judged, _observed(read.sums, item, decision)))
    return tuple(found)


def decide(sums: Counters, each: Sequence[Counters], item: Objective, rule: Rule) -> Decision:
    """Judge one objective by the sums of some segments, which are `each`."""
    place = item.scenario, item.name
    n, k = int(sums.get(Key("judged", *place), 0)), int(sums.get(Key("exceeds", *place), 0))
    if not n:
        why = f"no sample of {item.step or item.scenario!r} was measured"
        return Decision(State.INVALID, 0, 0, why, "sequential", rule.dependence, rule.alpha)
    tau = max(_within(sums, place, n, k), _between(each, place, n, k))
    look = Look(
        n,
        k,
        tau,
        passing_evidence(k, n, tau, item.p0, rule.dependence),
        failing_evidence(k, n, tau, item.p0),
    )
    return judge_looks([look], rule, item.p0)


def _within(sums: Counters, place: tuple[str, str], n: int, k: int) -> float:
    """Return the inflation by clusters within segments, as `evidence.inflation` has it."""
    p, tau = (k + 0.5) / (n + 1), 1.0
    for length in BLOCKS:
        blocks = sums.get(Key("blocks", *place, length), 0.0)
        if blocks >= FEWEST_BLOCKS:
            counts, squares = (sums[Key(kind, *place, length)] for kind in ("in_blocks", "in_blocks_squared"))
            variance = (squares - counts**2 / blocks) / (blocks - 1)
            tau = max(tau, variance / length / (p * (1 - p)))
    return tau


def _between(each: Sequence[Counters], place: tuple[str, str], n: int, k: int) -> float:
    """Return the inflation by levels that differ from segment to segment."""
    sizes = np.array([one.get(Key("judged", *place), 0.0) for one in each])
    counts = np.array([one.get(Key("exceeds", *place), 0.0) for one in each])[sizes > 0]
    sizes = sizes[sizes > 0]
    if len(sizes) < FEWEST_BLOCKS:
        return 1.0
    p = (k + 0.5) / (n + 1)
    spread = float(((counts - sizes * k / n) ** 2 / sizes).sum()) / (len(sizes) - 1)
    return max(1.0, spread / (p * (1 - p)))


def _observed(sums: Counters, item: Objective, decision: Decision) -> Estimate | None:
    if item.q is None:
        return observed_rate(decision.n, decision.exceedances, item, decision)
    is_time = item.metric == "latency"
    buckets = (times_of if is_time else values_of)(sums, item.scenario, item.step)
    bound = bucket_ms if is_time else bucket_value
    rank = quantile_rank(decision.n, item.q)
    if rank is None or sum(buckets.values()) != decision.n:  # a file that was changed may say anything
        return None
    kept = decision.n - decision.exceedances

    def of(rank: int) -> float:
        """What the counts say of the limit is exact, and a bucket is not."""
        found = bound(at_rank(buckets, rank))
        return min(found, item.limit) if rank <= kept else max(found, item.limit)

    value, low, high = of(rank), None, None
    for test, k in tests_of(decision):
        most, fewest = test.most_passing(k, item.p0), test.fewest_failing(k, item.p0)
        low = None if fewest is None else of(test.n - fewest + 1)
        high = None if most is None else of(test.n - most)
    low = value if low is not None and low > value else low
    high = value if high is not None and high < value else high
    return Estimate(value=value, low=low, high=high, level=round(1 - 2 * decision.alpha, 12), n=decision.n)

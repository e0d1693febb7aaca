"""Limits that every window of a soak must keep, such as "p95 <= 250ms over 5m"."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tailguard.base.state import State
from tailguard.base.text_format import count, duration_s, ratio
from tailguard.judge.caution import Caution
from tailguard.judge.decision import Decision
from tailguard.judge.soak.counting import total
from tailguard.judge.soak.found import Read
from tailguard.judge.soak.objectives import decide
from tailguard.record.objective import Objectives, Rule
from tailguard.record.soak import WindowLimit
from tailguard.record.soak.segments import Counters
from tailguard.record.verdict import WindowVerdict

# Of a scenario that has no objective of its own: what an objectives file assumes if it says nothing.
_RULE = Rule(alpha=0.01, dependence="bursty")


def window_verdicts(
    read: Read,
    limits: Sequence[WindowLimit],
    objectives: Objectives,
    segment_s: float,
    cautions: Mapping[str, Caution],
) -> tuple[WindowVerdict, ...]:
    """Judge each limit in each window of so many whole segments, one beginning with each segment.

    A window passes if the test says so; all must. It fails if the test says so at an error that is shared by all
    windows, so that of many one does not fail by chance.
    """
    return tuple(
        _verdict(read, each, objectives, segment_s, cautions[each.objective.scenario]) for each in limits
    )


def _verdict(
    read: Read, limit: WindowLimit, objectives: Objectives, segment_s: float, caution: Caution
) -> WindowVerdict:
    rule = objectives.rules.get(limit.objective.scenario, _RULE)
    judged = [
        (at, decide(total(part), part, limit.objective, rule))
        for at, part in _windows(read, round(limit.over_s / segment_s))
    ]
    judged = [(at, decision) for at, decision in judged if decision.n]
    breached = [each for each in judged if each[1].p_fail * len(judged) <= rule.alpha]
    undecided = [each for each in judged if each[1].state is not State.PASS and each not in breached]
    state = (
        State.INVALID
        if not judged
        else State.FAIL
        if breached
        else State.INCONCLUSIVE
        if undecided
        else State.PASS
    )
    at, worst_one = max(judged, key=lambda each: _share(each[1]), default=(None, None))
    # The window's own limit is stated, whatever the scenario's objectives are.
    state, why = replace(caution, unlimited="").weigh(
        state, _why(limit, state, len(judged), len(breached), len(undecided), at, worst_one)
    )
    return WindowVerdict(
        name=limit.name,
        state=state,
        objective=limit.objective,
        over_s=limit.over_s,
        windows=len(judged),
        breached=len(breached),
        undecided=len(undecided),
        worst_s=at,
        n=worst_one.n if worst_one else 0,
        exceedances=worst_one.exceedances if worst_one else 0,
        alpha=rule.alpha,
        why=why,
    )


def _windows(read: Read, length: int) -> Iterator[tuple[float, Sequence[Counters]]]:
    """Yield when each window began, and its segments; not over a change of leaders, where there was no load."""
    for first in range(len(read.heads) - length + 1):
        heads = read.heads[first : first + length]
        if len({head.fence for head in heads}) == 1 and heads[-1].number - heads[0].number == length - 1:
            yield heads[0].began_s, read.each[first : first + length]


def _share(decision: Decision) -> float:
    return decision.exceedances / decision.n if decision.n else -math.inf


def _why(
    limit: WindowLimit,
    state: State,
    windows: int,
    breached: int,
    undecided: int,
    at: float | None,
    worst_one: Decision | None,
) -> str:
    if at is None or worst_one is None:
        return f"no whole window of {duration_s(limit.over_s)} was measured"
    told = {
        State.PASS: f"all {count(windows)} windows keep it",
        State.FAIL: f"{count(breached)} of {count(windows)} windows breach it",
    }.get(
        state, f"{count(undecided)} of {count(windows)} windows are undecided: too few samples or too close"
    )
    share = f"{count(worst_one.exceedances)} of {count(worst_one.n)} ({ratio(_share(worst_one))}) exceed"
    return f"{told}; the worst began after {duration_s(at)}: {share}"

"""Latencies that were measured long ago, against an objective: no rule says when to look, all are there."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tailguard.base.state import State
from tailguard.judge.budget import samples_for_pass
from tailguard.judge.decision import CLUSTERED, Decision, judge_counts, judge_stream
from tailguard.judge.evidence import cumulative, inflation
from tailguard.record.objective import Dependence, Objective


def judge_finished(
    values_ms: NDArray[np.float64], objective: Objective, alpha: float, dependence: Dependence
) -> Decision:
    """Judge latencies in time order; if they are too few for any PASS, say how many that takes."""
    assert objective.q is not None
    decision = _by_rule(values_ms, objective, alpha, dependence)
    if decision.state is not State.INCONCLUSIVE:
        return decision
    rule = dependence if decision.rule == "sequential" else None
    needed = samples_for_pass(round(1 - objective.q, 12), alpha, rule)
    more = f"; a PASS needs at least {needed:,} samples" if decision.n < needed else ""
    return replace(decision, why=decision.why + more)


def _by_rule(
    values_ms: NDArray[np.float64], objective: Objective, alpha: float, dependence: Dependence
) -> Decision:
    """Judge independent samples by the exact binomial, which needs fewest, others in time order."""
    assert objective.q is not None
    assert objective.limit_ms is not None
    limit_ms = objective.limit_ms
    exceed = values_ms >= limit_ms if objective.strict else values_ms > limit_ms
    if dependence == "bursty":
        return judge_stream(exceed, objective.q, alpha=alpha, dependence=dependence)
    decision = judge_counts(len(exceed), int(exceed.sum()), objective.q, alpha=alpha)
    tau = inflation(cumulative(exceed), len(exceed)) if len(exceed) else 1.0
    doubt = f"; but exceedances cluster (tau {tau:.1f}): are they independent?" if tau > CLUSTERED else ""
    return replace(decision, tau=tau, why=decision.why + doubt)

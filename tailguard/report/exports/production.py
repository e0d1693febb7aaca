"""Objectives as promises over production's own metrics: good events and all events, as PromQL."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tailguard.base.output.escaping import for_label
from tailguard.record.objective import Objective
from tailguard.record.run import Run
from tailguard.report.exports.distributions import judged_objectives

# What the platform is to expose: a histogram of response times with a bucket edge on each limit, and a counter.
HISTOGRAM = "tailguard_response_seconds"
COUNTER = "tailguard_requests_total"


@dataclass(frozen=True, slots=True)
class Promise:
    """`target` of all events are good; both are counters in PromQL, without a range."""

    slug: str
    title: str
    target: float
    good: str
    total: str


def promises(run: Run) -> Iterator[Promise]:
    """Yield one of each latency and error objective of a run."""
    for objective in (verdict.objective for verdict in judged_objectives(run)):
        if objective.metric == "latency":
            yield _latency(objective)
        elif objective.metric == "error_rate":
            yield _errors(objective)


def _latency(objective: Objective) -> Promise:
    labels = f'scenario="{for_label(objective.scenario)}",step="{for_label(objective.step)}"'
    edge, target = repr(objective.limit / 1e3), round(1 - objective.p0, 12)
    return Promise(
        _slug(f"{objective.scenario} {objective.step} p{target * 100:g}"),
        objective.name,
        target,
        f'sum({HISTOGRAM}_bucket{{{labels},le="{edge}"}})',
        f"sum({HISTOGRAM}_count{{{labels}}})",
    )


def _errors(objective: Objective) -> Promise:
    labels = f'scenario="{for_label(objective.scenario)}"'
    return Promise(
        _slug(f"{objective.scenario} errors"),
        objective.name,
        round(1 - objective.p0, 12),
        f'sum({COUNTER}{{{labels},outcome="ok"}})',
        f'sum({COUNTER}{{{labels},outcome=~"ok|error"}})',
    )


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")

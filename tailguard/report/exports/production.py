"""Objectives as promises over production's own metrics: good events and all events, as PromQL."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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


def promises(verdicts: Sequence[Mapping[str, Any]]) -> Iterator[Promise]:
    """Yield one of each latency and error objective; a change against a baseline is no promise to users."""
    for verdict in verdicts:
        if verdict["kind"] == "latency":
            yield _latency(verdict)
        elif verdict["kind"] == "error_rate":
            yield _errors(verdict)


def _latency(verdict: Mapping[str, Any]) -> Promise:
    labels = f'scenario="{verdict["scenario"]}",step="{verdict["step"]}"'
    edge = repr(verdict["limit_ms"] / 1e3)
    return Promise(
        _slug(f"{verdict['scenario']} {verdict['step']} p{verdict['q'] * 100:g}"),
        verdict["objective"],
        verdict["q"],
        f'sum({HISTOGRAM}_bucket{{{labels},le="{edge}"}})',
        f"sum({HISTOGRAM}_count{{{labels}}})",
    )


def _errors(verdict: Mapping[str, Any]) -> Promise:
    labels = f'scenario="{verdict["scenario"]}"'
    return Promise(
        _slug(f"{verdict['scenario']} errors"),
        verdict["objective"],
        round(1 - verdict["max_ratio"], 12),
        f'sum({COUNTER}{{{labels},outcome="ok"}})',
        f'sum({COUNTER}{{{labels},outcome=~"ok|error"}})',
    )


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")

"""A proof under load as run.json and live.parquet have it, made without a server."""

from typing import Any

import numpy as np

from tailguard.record.samples import ERROR, Samples
from tailguard.report.charts.live_chart import LEAD_S
from tests.support.made_run import migration

SECOND = 1_000_000_000
STARTED_NS = 50 * SECOND


def window(name: str, response_ms: np.ndarray, every_ms: int = 5, failed: int = 0) -> Samples:
    """Requests sent each `every_ms`, half a second before the build on; the first `failed` of them failed."""
    n = len(response_ms)
    intended = STARTED_NS - int(LEAD_S * SECOND) + np.arange(n, dtype=np.int64) * every_ms * 1_000_000
    ended = intended + (response_ms * 1e6).astype(np.int64)
    outcome = np.where(np.arange(n) < failed, ERROR, 0).astype(np.uint8)
    zeros = np.zeros(n, np.int32)
    return Samples(
        name, ("write",), ("",), intended, intended, ended, np.zeros(n, np.uint8), outcome, zeros, zeros
    )


def quick(n: int = 200) -> np.ndarray:
    return np.full(n, 1.0)


def stalled(build_ms: float = 600.0, n: int = 200) -> np.ndarray:
    """Whoever comes during the build waits for the rest of it."""
    at_ms = np.arange(n) * 5 - LEAD_S * 1e3
    return np.where((at_ms >= 0) & (at_ms < build_ms), build_ms - at_ms, 1.0)


def samples() -> dict[str, Samples]:
    responses = {"baseline": quick(), "build_1": quick(), "build_2": quick() * 40, "control": stalled()}
    return {
        f"{name}_{who}": window(f"{name}_{who}", values if who == "writers" else quick())
        for name, values in responses.items()
        for who in ("writers", "readers")
    }


def summary(longest_ms: float, errors: int = 0) -> dict[str, Any]:
    value = {"q": 0.5, "value": 1.25, "low": 1.0, "high": 1.5, "level": 0.99, "n": 120}
    return {"n": 120, "errors": errors, "p50_ms": value, "p99_ms": value, "longest_ms": longest_ms}


def build(seconds: float, longest_ms: float, phases: list[dict[str, Any]]) -> dict[str, Any]:
    felt = {"writers": summary(longest_ms), "readers": summary(1.0)}
    return {"started_ns": STARTED_NS, "seconds": seconds, "phases": phases, "felt": felt}


PHASES = [
    {"elapsed_s": 0.1, "phase": "building index: scanning table", "blockers": []},
    {"elapsed_s": 0.4, "phase": "waiting for old snapshots", "blockers": ["pid 7 (psql), user anna: idle"]},
    {"elapsed_s": 0.7, "phase": "index validation: scanning index", "blockers": []},
]


def proved() -> dict[str, Any]:
    """A migration with a proof under load, as run.json has it."""
    sides = {"before": {"p50": {"value": 0.040}, "p95": {"value": 0.080}}}
    sides["after"] = {"p50": {"value": 0.050}, "p95": {"value": 0.090}}
    ratio = {"value": 1.25, "low": 1.2, "high": 1.3}
    live = {
        "state": "PASS",
        "rate_per_s": 200.0,
        "verdicts": [
            {"name": "no stall of writers", "state": "PASS", "expected": "below", "observed": "40 ms"}
        ],
        "windows": {"baseline": {"writers": summary(2.0)}, "after": {"writers": summary(3.0)}},
        "builds": [build(0.9, 5.0, PHASES), build(0.8, 40.0, PHASES)],
        "control": build(0.6, 600.0, []),
        "cost": {
            "rows": 200_000,
            "writes": {"insert": sides | {"ratio": ratio, "hot": {"before": None, "after": None}}},
            "wal_bytes_a_row": {"before": 300.0, "after": 390.0},
        },
        "worth": "Each query saves 10 ms: worth it.",
    }
    return migration() | {"live": live}


def growth_row() -> dict[str, Any]:
    """One size of a proof's table of growth, on a server that cannot evict."""
    side = {"server_ms": {"median": 10.0}, "blocks": {"hit": 90, "read": 10}, "cold": {"absent": "needs 18"}}
    fast = side | {"server_ms": {"median": 0.1}, "blocks": {"hit": 5, "read": 0}}
    return {"rows": 90_000, "before": side, "after": fast, "index_bytes": 1024, "build_s": 0.5}


def removed() -> dict[str, Any]:
    """The proof of an index's removal."""
    found = proved()
    cost = found.pop("live")["cost"]
    return found | {"removal": {"cost": cost, "saving": "The removal saves 2 MiB of disk."}}

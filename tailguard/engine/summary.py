"""From samples to a scenario's entry in run.json: counts, failures by kind, quantiles. Pure: it can be redone."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailguard.engine.quantiles import estimate
from tailguard.engine.scenario import Invariant
from tailguard.engine.workload import Measurement
from tailguard.record.samples import CONFLICT, ERROR, OUTCOMES, Samples

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def scenario_entry(
    title: str, measurement: Measurement, invariants: Sequence[Invariant] = ()
) -> dict[str, Any]:
    """Return the `scenarios` entry of one scenario (docs/architecture.md)."""
    return {
        "title": title,
        "schedule": dict(measurement.schedule),
        "warmup": measurement.warmup,
        "offered_rate_per_s": measurement.offered_rate_per_s,
        "achieved_rate_per_s": measurement.achieved_rate_per_s,
        "measured_s": measurement.measured_s,
        "ended_because": measurement.ended_because,
        "lateness_ms": summarise_times(measurement.lateness_ns / 1e6),
        **count(measurement.samples),
        "invariants": [asdict(invariant) for invariant in invariants],
    }


def count(samples: Samples) -> dict[str, Any]:
    """Return what follows from the samples alone: counts, retries, errors and refusals by kind, and each step's.

    `retried` counts, as the retry rate does, samples that are no conflict.
    """
    return {
        "counts": _counts(samples.outcome),
        "retries": int(samples.retries.sum()),
        "errors": _by_kind(samples, ERROR),
        "refusals": _by_kind(samples, CONFLICT),
        "steps": {step: _step(samples, step) for step in samples.steps},
    }


def summarise_times(times_ms: NDArray[np.float64]) -> dict[str, Any]:
    """Return p50, p95 and p99 with their intervals, and the maximum, of times in ms; no times have none."""
    quantiles = {name: asdict(estimate(times_ms, q)) for name, q in QUANTILES.items()}
    return {**quantiles, "max": float(times_ms.max()) if len(times_ms) else None}


def _step(samples: Samples, step: str) -> dict[str, Any]:
    of_step = samples.step == samples.step_index(step)
    return {
        "counts": _counts(samples.outcome[of_step]),
        "retried": int(np.count_nonzero(of_step & (samples.retries > 0) & (samples.outcome != CONFLICT))),
        "response_ms": summarise_times(samples.response_ms(step)),
        "service_ms": summarise_times(samples.service_ms(step)),
    }


def _counts(outcome: NDArray[np.uint8]) -> dict[str, int]:
    counts = np.bincount(outcome, minlength=len(OUTCOMES))
    return {"total": len(outcome), **{name: int(n) for name, n in zip(OUTCOMES, counts, strict=True)}}


def _by_kind(samples: Samples, outcome: int) -> dict[str, int]:
    """Return how often each kind occurred, the most frequent first."""
    counts = np.bincount(samples.error[samples.outcome == outcome], minlength=len(samples.errors))
    found = [(kind, int(n)) for kind, n in zip(samples.errors, counts, strict=True) if n]
    return dict(sorted(found, key=lambda item: (-item[1], item[0])))

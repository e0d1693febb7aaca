"""From samples to a scenario's entry in run.json: counts, failures by kind, quantiles. Pure: it can be redone."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tailguard.engine.quantiles import estimates
from tailguard.engine.workload import Measurement
from tailguard.record.part import Quantiles
from tailguard.record.samples import CONFLICT, ERROR, OK, Samples
from tailguard.record.samples.values import are_true_or_false
from tailguard.record.scenario import Counts, Invariant, MetricEntry, SampleSummary, ScenarioEntry, StepEntry


def scenario_entry(
    title: str, measurement: Measurement, invariants: Sequence[Invariant] = ()
) -> ScenarioEntry:
    """Return the entry of one scenario in the run's record."""
    summary = summarise(measurement.samples)
    return ScenarioEntry(
        title=title,
        schedule=measurement.schedule,
        warmup=measurement.warmup,
        offered_rate_per_s=measurement.offered_rate_per_s,
        achieved_rate_per_s=measurement.achieved_rate_per_s,
        measured_s=measurement.measured_s,
        own_s=measurement.own_s,
        ended_because=measurement.ended_because,
        lateness_ms=summarise_times(measurement.lateness_ns / 1e6),
        counts=summary.counts,
        retries=summary.retries,
        errors=summary.errors,
        refusals=summary.refusals,
        steps=summary.steps,
        metrics=summary.metrics,
        said=measurement.said,
        starts_sha256=measurement.starts_sha256,
        slowest=measurement.slowest,
        invariants=tuple(invariants),
    )


def summarise(samples: Samples) -> SampleSummary:
    """Return what follows from the samples alone: counts, retries, errors and refusals by kind, and each step's."""
    return SampleSummary(
        counts=_counts(samples.outcome),
        retries=int(samples.retries.sum()),
        errors=_by_kind(samples, ERROR),
        refusals=_by_kind(samples, CONFLICT),
        steps={step: _step(samples, step) for step in samples.steps},
        metrics={name: _metric(samples.recorded.of(name)) for name in samples.recorded.names},
    )


def summarise_times(times_ms: NDArray[np.float64]) -> Quantiles:
    """Return p50, p95 and p99 with their intervals, and the maximum, of times in ms or of other numbers."""
    p50, p95, p99 = estimates(times_ms, (0.5, 0.95, 0.99))
    return Quantiles(
        p50=p50,
        p95=p95,
        p99=p99,
        max=float(times_ms.max()) if len(times_ms) else None,
    )


def _metric(values: NDArray[np.float64]) -> MetricEntry:
    rate = float(values.mean()) if len(values) and are_true_or_false(values) else None
    return MetricEntry(n=len(values), values=summarise_times(values), rate=rate)


def _step(samples: Samples, step: str) -> StepEntry:
    of_step = samples.step == samples.step_index(step)
    return StepEntry(
        counts=_counts(samples.outcome[of_step]),
        retried=int(np.count_nonzero(of_step & (samples.retries > 0) & (samples.outcome != CONFLICT))),
        response_ms=summarise_times(samples.response_ms(step)),
        service_ms=summarise_times(samples.service_ms(step)),
    )


def _counts(outcome: NDArray[np.uint8]) -> Counts:
    return Counts(
        total=len(outcome),
        ok=int(np.count_nonzero(outcome == OK)),
        conflict=int(np.count_nonzero(outcome == CONFLICT)),
        error=int(np.count_nonzero(outcome == ERROR)),
    )


def _by_kind(samples: Samples, outcome: int) -> dict[str, int]:
    """Return how often each kind occurred, the most frequent first."""
    counts = np.bincount(samples.error[samples.outcome == outcome], minlength=len(samples.errors))
    found = [(kind, int(n)) for kind, n in zip(samples.errors, counts, strict=True) if n]
    return dict(sorted(found, key=lambda item: (-item[1], item[0])))
